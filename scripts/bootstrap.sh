#!/bin/sh
# Makes a fresh clone ready; npm calls it before `npm start`, `npm test` and `npm run crucible`.
#   sh scripts/bootstrap.sh start    npm packages, bubblewrap, python3
#   sh scripts/bootstrap.sh test     the same and the toolchain of every language
# CRUCIBLE_NO_SYSTEM_INSTALL=1 keeps it from installing system packages: it then only says what is missing.
# Plain POSIX sh: it runs before anything is installed. Its messages go to stderr, so that
# `npm run crucible` keeps stdout for the program.
set -eu

mode=${1:-start}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"

say() { printf 'bootstrap: %s\n' "$*" >&2; }

# --- Node -------------------------------------------------------------------------------------------------

if ! command -v node >/dev/null 2>&1 || ! command -v npm >/dev/null 2>&1; then
  say "Node.js 20 or newer with npm is needed (https://nodejs.org)."
  exit 1
fi
# node_modules/.bin/node may be the first in PATH: any Node will do here.
major=$(node -p 'process.versions.node.split(".")[0]')
if [ "$major" -lt 20 ]; then
  say "Node.js 20 or newer is needed; this is $(node --version). The pinned Node 24 is then fetched by npm."
  exit 1
fi

# --- One at a time ----------------------------------------------------------------------------------------

mkdir -p .bootstrap
lock=.bootstrap/lock
waiting=
until mkdir "$lock" 2>/dev/null; do
  owner=$(cat "$lock/pid" 2>/dev/null || true)
  if [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; then
    rm -rf "$lock" # its owner was killed
    continue
  fi
  [ -n "$waiting" ] || say "waiting for another bootstrap (process ${owner:-unknown})"
  waiting=$((${waiting:-0} + 1))
  if [ -z "$owner" ] && [ "$waiting" -gt 20 ]; then rm -rf "$lock"; fi # died before it wrote its pid
  sleep 1
done
echo $$ >"$lock/pid"
trap 'rm -rf "$root/$lock"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- npm packages -----------------------------------------------------------------------------------------

stamp=node_modules/.crucible-lockfile
if [ ! -x node_modules/.bin/node ] || ! cmp -s package-lock.json "$stamp"; then
  # A tree made by `npm install` has no stamp of ours but is just as good.
  if [ -x node_modules/.bin/node ] && node scripts/installed.mjs; then
    cp package-lock.json "$stamp"
  else
    say "npm ci"
    # For npm that does not know allowScripts: onnxruntime-node would download CUDA libraries that nothing here uses.
    ONNXRUNTIME_NODE_INSTALL=skip && export ONNXRUNTIME_NODE_INSTALL
    # The quiet level drops the warnings that the host's Node is older than the pinned one.
    npm ci --include=dev --no-audit --no-fund --loglevel=error >&2
    cp package-lock.json "$stamp"
    if ! node_modules/.bin/node --version >/dev/null 2>&1; then
      say "npm ci did not bring the pinned Node 24: are install scripts turned off (npm config ignore-scripts)?"
      exit 1
    fi
  fi
fi

# --- System packages --------------------------------------------------------------------------------------

[ "$(uname -s)" = Linux ] || {
  say "most engines need Linux: on $(uname -s) there is wasm, for JavaScript, TypeScript and Python."
  exit 0
}

# "command:Debian package" pairs. Looked up where a sandbox sees them: it has the system directories only.
needs="bwrap:bubblewrap python3:python3"
if [ "$mode" = test ]; then
  needs="$needs curl:curl gcc:gcc g++:g++ perl:perl ruby:ruby lua5.4:lua5.4 php:php-cli go:golang-go rustc:rustc"
  needs="$needs javac:default-jdk-headless Rscript:r-base-core runc:runc crun:crun runsc:runsc dockerd:docker.io busybox:busybox-static"
fi

# Tests of this script set BOOTSTRAP_SYSTEM_PATH to a folder of their own.
system_path=${BOOTSTRAP_SYSTEM_PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}

find_missing() {
  missing_commands=
  missing_packages=
  for need in $needs; do
    if ! PATH=$system_path command -v "${need%%:*}" >/dev/null 2>&1; then
      missing_commands="$missing_commands ${need%%:*}"
      missing_packages="$missing_packages ${need#*:}"
    fi
  done
}
find_missing
[ -n "$missing_commands" ] || exit 0

if [ "${CRUCIBLE_NO_SYSTEM_INSTALL:-}" != 1 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  say "installing through apt:$missing_packages"
  say "(CRUCIBLE_NO_SYSTEM_INSTALL=1 turns this off)"
  log=.bootstrap/apt.log
  apt() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq "$@" >>"$log" 2>&1; }
  : >"$log"
  apt update || say "apt-get update failed; trying with the lists that are here"
  # One by one after a failure, so that a package this release lacks does not cost the others.
  # shellcheck disable=SC2086
  apt install -y --no-install-recommends $missing_packages || for package in $missing_packages; do
    apt install -y --no-install-recommends "$package" || say "could not install $package: see $log"
  done
  find_missing
  [ -n "$missing_commands" ] || exit 0
fi

# What is left is for the person at the keyboard. Nothing that needs it is faked: runs are refused with the
# reason, and tests are skipped with it.
say "MISSING:$missing_commands"
prefix=sudo
[ "$(id -u)" != 0 ] || prefix=
translate() {
  for package in $missing_packages; do
    case "$1:$package" in
      dnf:g++) printf ' gcc-c++' ;;
      dnf:lua5.4) printf ' lua' ;;
      dnf:golang-go | pacman:golang-go | apk:golang-go) [ "$1" = dnf ] && printf ' golang' || printf ' go' ;;
      dnf:rustc) printf ' rust' ;;
      dnf:default-jdk-headless) printf ' java-latest-openjdk-devel' ;;
      dnf:r-base-core) printf ' R-core' ;;
      apk:gcc) printf ' gcc musl-dev' ;;
      apk:php-cli) printf ' php-cli' ;;
      apk:rustc | pacman:rustc) printf ' rust' ;;
      apk:default-jdk-headless) printf ' openjdk21-jdk' ;;
      apk:r-base-core) printf ' R' ;;
      pacman:python3) printf ' python' ;;
      pacman:g++) ;;
      pacman:lua5.4) printf ' lua' ;;
      pacman:php-cli) printf ' php' ;;
      pacman:default-jdk-headless) printf ' jdk-openjdk' ;;
      pacman:r-base-core) printf ' r' ;;
      *) printf ' %s' "$package" ;;
    esac
  done
}
if command -v apt-get >/dev/null 2>&1; then
  say "install with: ${prefix:+$prefix }apt-get install --no-install-recommends$missing_packages"
elif command -v dnf >/dev/null 2>&1; then
  say "install with: ${prefix:+$prefix }dnf install$(translate dnf)"
elif command -v apk >/dev/null 2>&1; then
  say "install with: ${prefix:+$prefix }apk add$(translate apk)"
elif command -v pacman >/dev/null 2>&1; then
  say "install with: ${prefix:+$prefix }pacman -S --needed$(translate pacman)"
else
  say "install with your package manager; the Debian names are:$missing_packages"
fi
say "what needs these is refused or skipped until they are there"
