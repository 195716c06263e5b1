#!/usr/bin/env bash
# Installs the Debian packages that Gradus is built and tested with. Does
# nothing when all are there. Needs root or sudo when something is missing.
set -euo pipefail

packages=(
  # Tools.
  bazel-bootstrap
  bazel-platforms
  bazel-rules-java
  bazel-rules-proto
  bazel-skylib
  g++
  protobuf-compiler
  # Libraries.
  libabsl-dev
  libdnnl-dev
  libisal-dev
  libjpeg62-turbo-dev
  libprotobuf-dev
  librandom123-dev
  libspng-dev
  nlohmann-json3-dev
  zlib1g-dev
  # Tests and benchmarks.
  libbenchmark-dev
  libgmock-dev
  libgtest-dev
)

die() {
  echo "tools/setup.sh: $*" >&2
  exit 1
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  die "needs apt and dpkg: Gradus builds on Debian 12"
fi
release="$(cat /etc/debian_version 2>/dev/null || true)"
if [[ "${release}" != 12 && "${release}" != 12.* ]]; then
  die "needs Debian 12 or a derivative of it; this is '${release:-unknown}'"
fi

installed="$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' \
  "${packages[@]}" 2>/dev/null || true)"
missing=()
for package in "${packages[@]}"; do
  grep -qxF "installed ${package}" <<<"${installed}" || missing+=("${package}")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  exit 0
fi

as_root=()
if [[ "$(id -u)" -ne 0 ]]; then
  command -v sudo >/dev/null || die "run as root or install sudo; missing: ${missing[*]}"
  as_root=(sudo)
fi
apt_get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
  apt-get --quiet --option DPkg::Lock::Timeout=300)

echo "Installing: ${missing[*]}"
"${apt_get[@]}" update
"${apt_get[@]}" install --yes --no-install-recommends "${missing[@]}"
