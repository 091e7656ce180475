#!/bin/sh
# check.sh times `residency check` with a store: so many names, A and AAAA each,
# asked at a real server on loopback, located, judged over the window and
# remembered. See README.md.
set -eu

names=${1:-100000} rounds=${2:-3} port=${PORT:-5398}
case $names$rounds in *[!0-9]* | 0*)
	echo "usage: bench/check.sh [NAMES [ROUNDS]]" >&2
	exit 2
	;;
esac
here=$(cd "$(dirname "$0")" && pwd)
. "$here/nsd.sh"
needs "nsd time" nsd /usr/bin/time

cd "$here/.."
go build -o "$dir/residency" ./cmd/residency
cd "$dir"

# Networks that location data puts into Singapore.
serve 54.255 2406:da18
awk -v n="$names" 'BEGIN { for (i = 0; i < n; i++) print "n" i ".bench.example" }' >hosts

cat >config.toml <<CONF
[[market]]
code = "IN"

[[vendor]]
id = "v"
service = [{id = "s", endpoints_file = "hosts"}]

[[policy]]
id = "p"
vendor = "v"
regions = ["SG"]

[resolve]
types = ["A", "AAAA"]

[[resolve.server]]
name = "nsd"
addresses = ["127.0.0.1:$port"]
stands_in = ["IN"]

[store]
path = "residency.db"
CONF

# measure WHAT ARGUMENTS... prints wall and processor seconds, memory, and the
# size of the store.
measure() {
	what=$1
	shift
	begin=$(date +%s%N)
	code=0
	/usr/bin/time -q -o time -f '%U %S %M' ./residency check --timeout 10m "$@" >out 2>said || code=$?
	wall=$(($(date +%s%N) - begin))
	[ "$code" -le 3 ] && grep -q "results* from" out || {
		cat said out >&2
		exit 1
	}
	size=$(cat residency.db* 2>/dev/null | wc -c)
	awk -v what="$what" -v n="$names" -v t="$wall" -v size="$size" '{
		printf "%-28s %8.2f s  %8.2f CPU s  %6.1f us CPU a question  %5d MiB  store %7.1f MB\n",
			what, t / 1e9, $1 + $2, ($1 + $2) * 1e6 / (2 * n), $3 / 1024, size / 1e6 }' time
	tail -n 2 out | tr '\n' ' ' | sed 's/^/    /; s/ *$//' >last
}

for round in $(seq "$rounds"); do
	rm -f residency.db*
	echo "round $round: $names names, A and AAAA"
	measure "without a store" --no-store
	measure "first, remembered"
	measure "again, nothing has changed"
	cat last
	echo
done
