echo "$# arguments"
for argument in "$@"; do printf '<%s>\n' "$argument"; done
