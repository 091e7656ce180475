#!/bin/sh
# geo.sh compares `residency locate` with other tools that give an address a
# country, on the same addresses and the same file, in one run. See README.md.
set -eu

usage() {
	echo "usage: bench/geo.sh COUNTRY.mmdb [ADDRESSES] [ROUNDS]" >&2
	exit 2
}
[ $# -ge 1 ] && [ -r "$1" ] || usage
file=$1 count=${2:-1000000} rounds=${3:-3}
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM

cd "$here/.."
go build -o "$dir/residency" ./cmd/residency
go build -o "$dir/geoip2" ./bench/geoip2
mmdb=$dir/country.mmdb
# geoip2-golang and mmdbctl refuse or misread flat country files: give every
# tool the same nested one.
if "$dir/geoip2" "$file" </dev/null >/dev/null 2>&1; then
	cp "$file" "$mmdb"
else
	"$dir/geoip2" -convert "$file" "$mmdb"
fi
cat >"$dir/one.toml" <<TOML
[geo]
embedded = false

[[geo.database]]
file = "$mmdb"
lineage = "benchmark"

# A configuration must have something to judge; nothing is judged here.
[[market]]
code = "IN"

[[vendor]]
id = "acme"

[[vendor.service]]
id = "api"
endpoints = ["api.acme.example"]

[[policy]]
id = "any"
vendor = "acme"
regions = ["SG"]
TOML

# The same addresses each time: public IPv4, drawn by a fixed rule.
awk -v n="$count" 'BEGIN {
	srand(1)
	while (i < n) {
		a = int(rand() * 223) + 1
		if (a == 10 || a == 127) continue
		printf "%d.%d.%d.%d\n", a, rand() * 256, rand() * 256, rand() * 256
		i++
	}
}' >"$dir/addresses"
few=1000
head -n "$few" "$dir/addresses" >"$dir/few"

# Each tool reads addresses and prints an answer for each. What it prints is not
# compared here: tests of the sources do that.
residency_one() { "$dir/residency" locate -c "$dir/one.toml" -f csv <"$1" >"$dir/out"; }
residency_all() { "$dir/residency" locate -f csv <"$1" >"$dir/out"; }
residency_json() { "$dir/residency" locate -f ndjson <"$1" >"$dir/out"; }
geoip2() { "$dir/geoip2" "$mmdb" <"$1" >"$dir/out"; }
mmdbctl_read() { mmdbctl read -f json-compact "$1" "$mmdb" >"$dir/out"; }
mmdbinspect_args() { xargs -n 20000 mmdbinspect -jsonl -db "$mmdb" <"$1" >"$dir/out"; }
mmdblookup_each() {
	while read -r address; do
		mmdblookup --file "$mmdb" --ip "$address" country iso_code || true
	done <"$1" >"$dir/out" 2>/dev/null
}

# measure NAME FUNCTION INPUT N appends "name microseconds-an-address" to times.
measure() {
	begin=$(date +%s%N)
	"$2" "$3" 2>"$dir/err" || {
		echo "$1: $(head -n 1 "$dir/err")" >&2
		return 0
	}
	end=$(date +%s%N)
	awk -v name="$1" -v t=$((end - begin)) -v n="$4" 'BEGIN { printf "%s\t%.4f\n", name, t / 1000 / n }' >>"$dir/times"
}

have() {
	command -v "$1" >/dev/null && return 0
	[ "$2" = 1 ] && echo "$1: not on PATH, left out" >&2
	return 1
}

round=1
while [ "$round" -le "$rounds" ]; do
	measure "residency, this file alone, csv" residency_one "$dir/addresses" "$count"
	measure "residency, all embedded sources fused, csv" residency_all "$dir/addresses" "$count"
	measure "residency, all embedded sources fused, ndjson" residency_json "$dir/addresses" "$count"
	measure "geoip2-golang, this file" geoip2 "$dir/addresses" "$count"
	if have mmdbctl "$round"; then measure "mmdbctl read" mmdbctl_read "$dir/addresses" "$count"; fi
	if have mmdbinspect "$round"; then measure "mmdbinspect, 20,000 arguments a call" mmdbinspect_args "$dir/addresses" "$count"; fi
	if have mmdblookup "$round"; then measure "mmdblookup, a process an address" mmdblookup_each "$dir/few" "$few"; fi
	round=$((round + 1))
done

echo "$count addresses ($few for mmdblookup), start of each process included, median of $rounds rounds"
sort -t "$(printf '\t')" -k1,1 -k2,2n "$dir/times" | awk -F '\t' '
	{ values[$1] = values[$1] " " $2; n[$1]++ }
	END {
		for (name in values) {
			split(values[name], v, " ")
			median[name] = v[int((n[name] + 1) / 2)]
		}
		base = median["residency, all embedded sources fused, csv"]
		for (name in median) printf "%10.3f us an address  %9.2f x  %s\n", median[name], median[name] / base, name
	}' | sort -n
