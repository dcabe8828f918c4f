#!/bin/sh
# Runs a program over HTTP with nothing but curl.
#   CRUCIBLE_URL=http://127.0.0.1:4180 CRUCIBLE_API_KEY=$(cat .crucible/api-key) sh examples/curl.sh
set -eu
: "${CRUCIBLE_URL:?the address that crucible serve printed}" "${CRUCIBLE_API_KEY:?its API key}"

# The key goes in over standard input: arguments of a process can be read by every user of the machine.
crucible() {
  path=$1
  shift
  printf 'header = "authorization: Bearer %s"\n' "$CRUCIBLE_API_KEY" |
    curl --silent --show-error --fail-with-body --config - "$@" "$CRUCIBLE_URL$path"
}

echo "--- a program, and its result in one call"
crucible '/api/v1/runs?wait=true' --json '{"language": "python", "code": "print(6 * 7)"}'
echo

echo "--- a program that takes a moment: submit it, then follow its events"
run=$(crucible /api/v1/runs --json '{
  "language": "bash",
  "code": "for i in 1 2 3; do echo step $i; sleep 0.1; done",
  "limits": {"wallTimeMs": 5000}
}')
id=$(printf '%s' "$run" | sed -n 's/.*"id":"\(run_[0-9A-Z]*\)".*/\1/p')
crucible "/api/v1/runs/$id/events" --no-buffer
