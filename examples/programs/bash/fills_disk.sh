for i in 1 2 3 4 5 6 7 8; do
  head -c 1000000 /dev/zero > "part.$i" || exit 5
done
echo "all written"
