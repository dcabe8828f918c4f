trap 'echo "cleaned up"' EXIT
echo working
exit 9
