#!/usr/bin/env bash
# Makes an authority, and certificates of a server and of callers, for development and tests: not for production, since
# the authority's key lies beside them without a passphrase.
#
#   deploy/dev-certificates.sh DIRECTORY [NAME=DAYS]...
#
# DIRECTORY gets ca.pem, crl.pem, server.pem and server.key, and for each NAME a NAME.pem and NAME.key with the URI
# spiffe://retention.example/NAME, valid for DAYS (-1: expired yesterday). Without NAMEs: one of each role. What lies
# there stays: a NAME that has a certificate is not made again, and the authority goes on.
#
#   deploy/dev-certificates.sh DIRECTORY --revoke NAME      # crl.pem then has it
set -euo pipefail
export LC_ALL=C

directory=${1:?usage: dev-certificates.sh DIRECTORY [NAME=DAYS]... | DIRECTORY --revoke NAME}
shift
mkdir -p "$directory"
cd "$directory"
umask 077

readonly CONFIG=authority.cnf
if [ ! -f $CONFIG ]; then
  cat >$CONFIG <<'CNF'
[ca]
default_ca = authority
[authority]
dir = .
database = $dir/index.txt
serial = $dir/serial
crlnumber = $dir/crlnumber
new_certs_dir = $dir/issued
certificate = $dir/ca.pem
private_key = $dir/ca.key
default_md = sha256
default_days = 365
default_crl_days = 365
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
CN = retention development authority
[authority_extensions]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
CNF
fi
mkdir -p issued
[ -f index.txt ] || : >index.txt
[ -f serial ] || echo 01 >serial
[ -f crlnumber ] || echo 01 >crlnumber

quietly() {
  local said
  said=$("$@" 2>&1) || {
    echo "$said" >&2
    return 1
  }
}

new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

if [ ! -f ca.pem ]; then
  new_key ca.key
  quietly openssl req -config $CONFIG -x509 -new -key ca.key -sha256 -days 3650 -extensions authority_extensions -out ca.pem
fi

# Signs a certificate $1 with the extensions on standard input, valid for $2 days.
sign() {
  local name=$1 days=$2 dates
  [ ! -f "$name.pem" ] || return 0
  cat >"$name.ext"
  new_key "$name.key"
  quietly openssl req -config $CONFIG -new -key "$name.key" -subj "/CN=$name" -out "$name.csr"
  if ((days < 0)); then
    dates=(-startdate "$(date -u -d "$((days - 1)) days" +%y%m%d%H%M%SZ)" -enddate "$(date -u -d "$days days" +%y%m%d%H%M%SZ)")
  else
    dates=(-startdate "$(date -u -d '-1 hour' +%y%m%d%H%M%SZ)" -enddate "$(date -u -d "$days days" +%y%m%d%H%M%SZ)")
  fi
  quietly openssl ca -config $CONFIG -batch -notext "${dates[@]}" -in "$name.csr" -extfile "$name.ext" -out "$name.pem"
  rm "$name.csr" "$name.ext"
}

if [ "${1:-}" = --revoke ]; then
  quietly openssl ca -config $CONFIG -batch -revoke "${2:?--revoke NAME}.pem"
else
  sign server 365 <<'EXT'
basicConstraints = CA:false
keyUsage = digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1
EXT
  (($# > 0)) || set -- portal=365 statistics=365 monitoring=365 rights-desk=365 operator=365 auditor=365
  for client in "$@"; do
    sign "${client%%=*}" "${client#*=}" <<EXT
basicConstraints = CA:false
keyUsage = digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = URI:spiffe://retention.example/${client%%=*}
EXT
  done
fi
quietly openssl ca -config $CONFIG -gencrl -out crl.pem.new
mv crl.pem.new crl.pem
