longest=""
while IFS= read -r line; do
  ((${#line} > ${#longest})) && longest=$line
done
printf '%d %s\n' "${#longest}" "$longest"
