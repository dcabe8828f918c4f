set -o pipefail
printf '%s\n' pear apple fig apple pear apple | sort | uniq -c | sort -rn | sed 's/^ *//'
false | true
echo "pipeline gave $?"
