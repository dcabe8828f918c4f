. ./lib/strings.sh
upper "crucible"
repeat "ab" 3
