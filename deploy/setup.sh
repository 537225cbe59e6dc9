#!/usr/bin/env bash
# Installs what the project needs on Debian 12. Where all of it is there already, does nothing and needs no network.
#
#   deploy/setup.sh          everything
#   deploy/setup.sh build    what building, testing and running need
#   deploy/setup.sh lint     what deploy/lint.sh needs on top
set -euo pipefail

readonly ATTEMPTS=3  # Networks fail; a package mirror that fails three times is down.

build_packages=(
  ca-certificates ccache cmake curl g++ git ninja-build openssl pkg-config tzdata
  libabsl-dev libbenchmark-dev libc-ares-dev libcli11-dev libcurl4-openssl-dev libgmock-dev libgrpc++-dev libgtest-dev
  libicu-dev libjemalloc-dev libp11-kit-dev libprotobuf-dev libpugixml-dev librocksdb-dev libsodium-dev libssl-dev
  libtss2-dev libxxhash-dev prometheus-cpp-dev
  protobuf-compiler protobuf-compiler-grpc
  # prometheus-cpp's CMake package asks for these.
  libcivetweb-dev zlib1g-dev
  # The name server that tests start; without the service.
  dnsmasq-base
  # The PKCS#11 token and the TPM that tests start.
  softhsm2 swtpm libtss2-tcti-swtpm0
  # What verifies the ledger's proofs besides ourselves.
  golang-go golang-golang-x-mod-dev python3
  # The Python package and its tests.
  python3 python3-grpcio python3-matplotlib python3-pandas python3-protobuf
)
lint_packages=(clang-format-14 clang-tidy-14 mypy shellcheck)
# Whoever has Node.js from elsewhere keeps it: Debian's npm would not install next to it.
command -v npm >/dev/null || lint_packages+=(nodejs npm)

case "${1:-all}" in
  all) wanted=("${build_packages[@]}" "${lint_packages[@]}") ;;
  build) wanted=("${build_packages[@]}") ;;
  lint) wanted=("${lint_packages[@]}") ;;
  *)
    echo "usage: deploy/setup.sh [all|build|lint]" >&2
    exit 2
    ;;
esac

missing=()
for package in "${wanted[@]}"; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "setup: all ${#wanted[@]} packages are installed"
  exit 0
fi

as_root=()
if ((EUID != 0)); then as_root=(sudo); fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Quiet unless it fails.
apt() {
  if "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -y -q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null >"$log" 2>&1; then
    return 0
  fi
  tail -20 "$log" >&2
  return 1
}

attempt() {
  local try
  for ((try = 1; try <= ATTEMPTS; ++try)); do
    "$@" && return 0
    echo "setup: attempt $try of $ATTEMPTS failed" >&2
    sleep $((try * 5))
  done
  return 1
}

echo "setup: installing ${missing[*]}"
# Without fresh lists the packages may be there all the same; only their installation decides.
attempt apt update -o APT::Update::Error-Mode=any || true
attempt apt install --no-install-recommends "${missing[@]}"
echo "setup: installed ${#missing[@]} packages"
