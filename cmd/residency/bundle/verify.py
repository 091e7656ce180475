#!/usr/bin/env python3
"""Verifies an unpacked bundle without residency. Python 3.8 or later, standard
library only; the signature is verified by openssl 1.1.1 or later, where that is
installed. Run it in the directory of the bundle, or name that: verify.py DIR

It shows that the files are what was sealed in a signed log. It does not judge
again, and it takes the bundle's word for the key: compare that yourself."""
import base64, hashlib, json, os, shutil, subprocess, sys, tempfile

base = sys.argv[1] if len(sys.argv) > 1 else "."


def fail(why):
    sys.exit("NOT what was sealed: " + why)


def read(name):
    try:
        with open(os.path.join(base, *name.split("/")), "rb") as f:
            return f.read()
    except OSError as e:
        fail(str(e))


def sha(data):
    return hashlib.sha256(data).digest()


def leaf_hash(data):
    return sha(b"\0" + data)


def node_hash(left, right):
    return sha(b"\1" + left + right)


# 1. The manifest.
manifest = json.loads(read("manifest.json"))
files = {f["name"]: f for f in manifest["files"]}
for name, f in files.items():
    data = read(name)
    if len(data) != f["size"] or sha(data).hex() != f["sha256"]:
        fail("file " + name)
    if name.startswith("bodies/") and name != "bodies/" + f["sha256"]:
        fail("name of " + name)
for where, _, names in os.walk(base):
    for n in names:
        name = os.path.relpath(os.path.join(where, n), base).replace(os.sep, "/")
        if name not in files and name != "manifest.json":
            fail("the manifest does not name " + name)
print("files       %d, as in the manifest" % len(files))

# 2. The checkpoint.
note = read("log/checkpoint")
text, signatures = note.split(b"\n\n", 1)
text += b"\n"
origin, size, root = text.decode().split("\n")[:3]
size, root = int(size), base64.b64decode(root)
if origin != manifest["origin"]:
    fail("the checkpoint is of another log")
name, key_id, key = read("key").decode().strip().split("+", 2)
key = base64.b64decode(key)
if name != origin or key[0] != 1 or sha(name.encode() + b"\n" + key)[:4].hex() != key_id:
    fail("the key")
signature = None
for line in signatures.decode().splitlines():
    part = line.split(" ")
    if len(part) == 3 and part[1] == name and base64.b64decode(part[2])[:4].hex() == key_id:
        signature = base64.b64decode(part[2])[4:]
if signature is None:
    fail("the checkpoint is not signed with the key")
if shutil.which("openssl"):
    with tempfile.TemporaryDirectory() as d:
        for n, data in (("key", bytes.fromhex("302a300506032b6570032100") + key[1:]), ("text", text), ("sig", signature)):
            with open(os.path.join(d, n), "wb") as f:
                f.write(data)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", d + "/key", "-rawin",
                               "-in", d + "/text", "-sigfile", d + "/sig"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode != 0:
            fail("the signature of the checkpoint")
    print("checkpoint  %d leaves, signed by %s+%s" % (size, name, key_id))
else:
    print("checkpoint  %d leaves; SIGNATURE NOT VERIFIED: there is no openssl" % size)


# 3. The leaves. A tile of level t has hashes of the tree's level 8t.
def tile(level, n):
    width = min((size >> (8 * level)) - n * 256, 256)
    path = "%03d" % (n % 1000)
    while n >= 1000:
        n //= 1000
        path = "x%03d/%s" % (n % 1000, path)
    path = "log/tile/%d/%s" % (level, path)
    if path not in files:
        path += ".p/%d" % width
    data = read(path)
    return [data[i:i + 32] for i in range(0, len(data), 32)]


def node(level, n):
    """The hash of the whole subtree of 2^level leaves that is the n-th."""
    t, r = divmod(level, 8)
    first = n << r
    row = tile(t, first >> 8)[first & 255:(first & 255) + (1 << r)]
    if len(row) != 1 << r:
        fail("tiles of the log")
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


parts, at = [], 0
for level in reversed(range(size.bit_length())):
    if size >> level & 1:
        parts.append(node(level, at >> level))
        at += 1 << level
have = parts[-1]
for part in reversed(parts[:-1]):
    have = node_hash(part, have)
if have != root:
    fail("the tiles do not give the root of the checkpoint")
leaves = {}
for name in files:
    if not name.startswith("leaves/"):
        continue
    n = int(name[len("leaves/"):])
    data = read(name)
    if n >= size or leaf_hash(data) != node(0, n):
        fail("leaf %d" % n)
    level = 8
    while (n >> level) + 1 <= size >> level:  # each tile under the one above
        row = [node(level - 8, (n >> level << 8) + i) for i in range(256)]
        while len(row) > 1:
            row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
        if row[0] != node(level, n >> level):
            fail("leaf %d is not under the root" % n)
        level += 8
    leaves[n] = json.loads(data)
print("leaves      %d are in the log" % len(leaves))
archived = {leaf["body"]["sha256"] for leaf in leaves.values() if leaf.get("kind") == "archived" and "sha256" in leaf.get("body", {})}
for name, f in files.items():
    if name.startswith("sources/") and (name != "sources/" + f["sha256"] or f["sha256"] not in archived):
        fail("page " + name)

# 4 and 5. The rounds, and what they name.
rounds, named = 0, set()


def path_root(h, index, count, path):
    """The root over count leaves, from one of them (RFC 6962 section 2.1.1)."""
    def up(index, count, rest):
        if count <= 1:
            if rest:
                fail("a path is too long")
            return h
        k = 1
        while 2 * k < count:
            k *= 2
        if not rest:
            fail("a path is too short")
        last = bytes.fromhex(rest[-1])
        if index < k:
            return node_hash(up(index, k, rest[:-1]), last)
        return node_hash(last, up(index - k, count - k, rest[:-1]))
    return up(index, count, path)


for run in [leaf for leaf in leaves.values() if leaf["schema"].startswith("residency/run/")]:
    named.add(run["terms_sha256"])
    of = json.loads(read("rounds/%d.json" % run["seq"]))
    proofs = list(of["rounds"])
    for absent in of.get("absent", []):
        proofs += [absent[side] for side in ("before", "after") if absent.get(side)]
    for r in proofs:
        h = leaf_hash(r["leaf"].encode())
        if not 0 <= r["proof"]["index"] < run["rounds"] or path_root(h, r["proof"]["index"], run["rounds"], r["proof"]["path"]) != bytes.fromhex(run["root"]):
            fail("a round of run %d" % run["seq"])
    for r in of["rounds"]:
        rounds += 1
        seal = json.loads(r["leaf"])
        named.update(v for k, v in seal.items() if k in ("sight", "judgement", "packets", "last_packets") and v)
for leaf in leaves.values():
    if leaf.get("body_sha256"):
        named.add(leaf["body_sha256"])
for h in list(named):
    body = json.loads(read("bodies/" + h))
    for place in body.get("locations", []) + body.get("past", []) if isinstance(body, dict) else []:
        if isinstance(place, dict) and place.get("sha256"):
            named.add(place["sha256"])
for h in named:
    if "bodies/" + h not in files:
        fail("body " + h)
print("rounds      %d are in their runs; %d bodies are what they name" % (rounds, len(named)))
print("Nothing was changed. The key is the bundle's own word: compare it with one from elsewhere.")
