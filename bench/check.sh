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
PATH=$PATH:/usr/sbin
for tool in nsd /usr/bin/time; do
	command -v "$tool" >/dev/null || {
		echo "$tool is needed: apt-get install nsd time" >&2
		exit 1
	}
done
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
finish() {
	pid=$(cat "$dir/nsd.pid" 2>/dev/null) || pid=
	while [ -n "$pid" ] && kill "$pid" 2>/dev/null; do sleep 0.1; done
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' INT TERM

cd "$here/.."
go build -o "$dir/residency" ./cmd/residency
cd "$dir"

# The zone: names with one A and one AAAA record each, in networks that location
# data puts into Singapore.
awk -v n="$names" 'BEGIN {
	print "$ORIGIN bench.example.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1"
	for (i = 0; i < n; i++) {
		printf "n%d A 54.255.%d.%d\nn%d AAAA 2406:da18::%x:%x\n", i, (i / 256) % 256, i % 256, i, i / 65536, i % 65536
		print "n" i ".bench.example" >"hosts"
	}
}' >zone
cat >nsd.conf <<CONF
server:
  server-count: 1
  ip-address: 127.0.0.1@$port
  do-ip6: no
  username: ""
  chroot: ""
  zonesdir: "$dir"
  zonelistfile: "$dir/zone.list"
  database: ""
  pidfile: "$dir/nsd.pid"
  xfrdfile: "$dir/xfrd.state"
  xfrdir: "$dir"
  logfile: "$dir/nsd.log"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: bench.example
  zonefile: zone
CONF
nsd -c nsd.conf

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
