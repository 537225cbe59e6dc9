"""Verifies a proof of an entry, from the standards alone: RFC 8032 (Ed25519), RFC 9162 section 2.1.3.2 (inclusion),
c2sp.org/signed-note, c2sp.org/tlog-proof. Knows no line of the program that made it.

    verify_proof.py KEY FILE
"""

import base64
import hashlib
import sys

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def recover_x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P != 0 or (x == 0 and sign):
        raise ValueError("no point of the curve")
    return P - x if x % 2 != sign else x


def point(encoded):
    number = int.from_bytes(encoded, "little")
    y = number % 2**255
    x = recover_x(y, number >> 255)
    return (x, y, 1, x * y % P)


def add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    return ((f - e) * (h - g) % P, (h + g) * (f + e) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P)


def multiply(factor, a):
    product = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            product = add(product, a)
        a = add(a, a)
        factor >>= 1
    return product


def is_signed(public_key, message, signature):
    base_y = 4 * pow(5, P - 2, P) % P
    base_x = recover_x(base_y, 0)
    base = (base_x, base_y, 1, base_x * base_y % P)
    scalar = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % ORDER
    left = multiply(scalar, base)
    right = add(point(signature[:32]), multiply(challenge, point(public_key)))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def sha256(data):
    return hashlib.sha256(data).digest()


def root_of(index, size, leaf, path):
    node, last, root = index, size - 1, sha256(b"\0" + leaf)
    for sibling in path:
        if last == 0:
            raise ValueError("the path is too long")
        if node & 1 or node == last:
            root = sha256(b"\1" + sibling + root)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            root = sha256(b"\1" + root + sibling)
        node, last = node >> 1, last >> 1
    if last != 0:
        raise ValueError("the path is too short")
    return root


def verify(key_text, proof):
    name, key_id, key = key_text.split("+", 2)
    key = base64.b64decode(key, validate=True)
    if key[:1] != b"\1" or sha256(name.encode() + b"\n" + key)[:4].hex() != key_id:
        raise ValueError("the key is none")
    head, checkpoint = proof.split("\n\n", 1)
    lines = head.split("\n")
    if lines[0] != "c2sp.org/tlog-proof@v1":
        raise ValueError("the file is no proof")
    leaf = base64.b64decode(lines[1].removeprefix("extra "), validate=True)
    index = int(lines[2].removeprefix("index "))
    path = [base64.b64decode(line, validate=True) for line in lines[3:]]
    text, signatures = checkpoint.rsplit("\n\n", 1)
    text += "\n"
    for line in signatures.splitlines():
        signer, signature = line.removeprefix("\u2014 ").split(" ")
        signature = base64.b64decode(signature, validate=True)
        if signer == name and signature[:4].hex() == key_id and is_signed(key[1:], text.encode(), signature[4:]):
            break
    else:
        raise ValueError("the checkpoint is not signed by the key")
    origin, size, root = text.split("\n")[:3]
    if origin != name or index >= int(size) or root_of(index, int(size), leaf, path) != base64.b64decode(root):
        raise ValueError("the entry is not in the ledger")
    return f"entry {index + 1} of {int(size)}"


if __name__ == "__main__":
    try:
        with open(sys.argv[2], encoding="utf-8") as file:
            print(verify(sys.argv[1], file.read()))
    except (ValueError, IndexError) as error:
        print("not proved:", error)
        sys.exit(1)
