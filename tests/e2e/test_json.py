"""test_json.py - atlas.json beside Python's json module, over random texts.

SPDX-License-Identifier: MIT
"""

import json
import random
import shutil
import struct
import subprocess
from decimal import Decimal

from harness import Skip, eq

# Reads "LENGTH\n" and so many bytes, again and again; writes the same for the
# text that it makes of each, or "!" and the error.
TRANSLATE = """
local json = require "atlas.json"
local input = io.open("input", "rb"):read("*a")
local output = io.open("output", "wb")
local at = 1
while at <= #input do
    local length, start = input:match("(%d+)\\n()", at)
    local value, err = json.decode(input:sub(start, start + length - 1))
    local text = err and "!" .. tostring(err) or assert(json.encode(value))
    output:write(#text, "\\n", text)
    at = start + length
end
output:close()
"""


def translate(place, texts):
    """What Atlas makes of each of the texts (bytes)."""
    (place.path / "input").write_bytes(b"".join(b"%d\n%s" % (len(text), text) for text in texts))
    done = place.run_script(TRANSLATE)
    eq(done.status, 0, repr(done))
    data, results = (place.path / "output").read_bytes(), []
    while data:
        length, _, data = data.partition(b"\n")
        results.append(data[:int(length)])
        data = data[int(length):]
    eq(len(results), len(texts))
    return results


# --- the text that is expected ---


def number_text(value):
    """As Atlas is to write it: repr() gives the shortest digits."""
    value = float(value)
    if value.is_integer() and abs(value) <= 2 ** 53:
        return "-0" if str(value) == "-0.0" else str(int(value))
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    digits = "".join(map(str, digits))
    point = len(digits) + exponent
    if exponent < 0 and -4 < point <= 16:
        text = f"{digits[:point]}.{digits[point:]}" if point > 0 else f"0.{'0' * -point}{digits}"
    else:
        text = digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + f"e{point - 1}"
    return "-" + text if sign else text


def text_of(value):
    if isinstance(value, dict):
        return "{%s}" % ",".join(f"{text_of(key)}:{text_of(value[key])}" for key in sorted(value))
    if isinstance(value, list):
        return "[%s]" % ",".join(map(text_of, value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number_text(value)
    return json.dumps(value, ensure_ascii=False)


# --- random documents ---

CHARACTERS = "aä€😀 \"\\/\b\f\n\r\t\0\x1f\x7f\u2028\ud7ff\ue000\uffff\U0010ffff"


def random_string(rng):
    if rng.random() < 0.5:
        return "".join(rng.choices("abcdefghij", k=rng.randrange(20)))
    return "".join(rng.choices(CHARACTERS, k=rng.randrange(20)))


def random_number(rng):
    kind = rng.randrange(7)
    if kind == 0:
        return rng.randrange(-10, 100)
    if kind == 1:
        return rng.randrange(-2 ** 53, 2 ** 53 + 1)
    if kind == 2:
        return round(rng.uniform(-1000, 1000), rng.randrange(6))
    if kind == 3:
        return rng.choice([0.0, -0.0, 1e22, 1e23, 5e-324, 2.0 ** 53, 2.0 ** 60, 1 / 3, 0.1 + 0.2])
    if kind == 4:
        return rng.random()
    value = struct.unpack("d", struct.pack("Q", rng.getrandbits(64)))[0]
    return value if value - value == 0 else 1.5


def random_value(rng, depth=0):
    kind = rng.randrange(4 if depth > 5 else 6)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return random_string(rng)
    if kind in (2, 3):
        return random_number(rng)
    if kind == 4:
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(8))]
    return {random_string(rng): random_value(rng, depth + 1) for _ in range(rng.randrange(8))}


def random_text(rng):
    """A value and one of the ways to write it."""
    value = random_value(rng)
    return value, json.dumps(value, ensure_ascii=rng.random() < 0.5,
                             indent=rng.choice([None, None, 1, "\t"]),
                             separators=rng.choice([None, (",", ":"), (" ,\r\n", " : ")])
                             ).encode()


def test_random_documents_mean_what_they_mean_to_python(place):
    rng = random.Random(1)
    pairs = [random_text(rng) for _ in range(2000)]
    for (value, text), got in zip(pairs, translate(place, [text for _, text in pairs])):
        eq(got.decode(), text_of(value), f"for {text!r}")


def test_numbers_of_all_forms_mean_what_they_mean_to_python(place):
    rng = random.Random(2)
    texts = []
    for _ in range(10000):
        text = rng.choice(["", "-"]) + str(rng.randrange(10 ** rng.randrange(1, 15)))
        if rng.random() < 0.8:
            text += "." + "".join(rng.choices("0123456789", k=rng.randrange(1, 25)))
        if rng.random() < 0.5 or "." not in text:
            text += rng.choice("eE") + rng.choice(["", "+", "-"]) + str(rng.randrange(330))
        if abs(float(text)) < float("inf"):
            texts.append(text)
    for text, got in zip(texts, translate(place, [text.encode() for text in texts])):
        eq(got.decode(), number_text(float(text)), f"for {text}")


# --- texts that are damaged ---


def expected(text):
    """What Atlas is to make of it, None if it is to refuse it: as Python, but
    for its extensions and what Lua has no place for: numbers, and halves of
    surrogate pairs, which can't be encoded."""
    def refuse(_):
        raise ValueError

    def read_int(digits):
        if abs(int(digits)) > 2 ** 53:
            raise ValueError
        return int(digits)

    def read_float(digits):
        if abs(float(digits)) == float("inf"):
            raise ValueError
        return float(digits)

    try:
        value = json.loads(text.decode("utf-8"), parse_constant=refuse, parse_int=read_int,
                           parse_float=read_float)
        return text_of(value).encode()
    except ValueError:  # UnicodeError is one
        return None


def needs_64_bits(text):
    try:
        numbers = []
        json.loads(text.decode("utf-8"), parse_int=lambda digits: numbers.append(int(digits)))
        return any(2 ** 53 < abs(n) <= 2 ** 63 for n in numbers)
    except ValueError:
        return False


def damage(rng, text):
    text = bytearray(text)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(text))
        kind = rng.randrange(4)
        if kind == 0:
            text[at] = rng.randrange(256)
        elif kind == 1:
            text[at] = rng.choice(b'"\\[]{},:0123456789.eE+-truefalsn \n')
        elif kind == 2 and len(text) > 1:
            del text[at]
        else:
            text.insert(at, rng.choice(b'"\\[]{},:01.eE+-u \n\x80\xff'))
    return bytes(text)


def test_damaged_documents_are_refused_where_python_refuses_them(place):
    rng = random.Random(3)
    texts = [damage(rng, random_text(rng)[1]) for _ in range(4000)]
    taken = 0
    for text, got in zip(texts, translate(place, texts)):
        want = expected(text)
        # Lua 5.4 takes these.
        if want is None and got[:1] != b"!" and needs_64_bits(text):
            continue
        eq(got[:1] == b"!", want is None, f"{text!r} became {got!r}")
        if want is not None:
            taken += 1
            eq(got, want, f"for {text!r}")
    assert 400 < taken < 3600, taken  # both happen


def test_the_locale_makes_no_difference(place):
    if not shutil.which("localedef") or subprocess.run(
            ["localedef", "-i", "de_DE", "-f", "UTF-8", str(place.path / "de_DE.UTF-8")],
            capture_output=True).returncode not in (0, 1):
        raise Skip("localedef cannot make a locale (package locales)")
    done = place.run_script("""
        local json = require "atlas.json"
        assert(os.setlocale("de_DE.UTF-8"))
        -- LuaJIT formats numbers itself.
        assert(jit or ("%.1f"):format(1.5) == "1,5", "the locale has no comma")
        local slow = "1.00000000000000011102230246251565404236316680908203126"
        print(assert(json.encode(assert(json.decode("[1.5,-2.25e-7," .. slow .. "]")))))
        print(assert(json.encode { 0.1, 1e300, 123456.789 }))
        print((select(2, json.encode { [1.5] = 1 })))
    """, env={"LOCPATH": str(place.path)})
    eq(done.out, "[1.5,-2.25e-7,1.0000000000000002]\n[0.1,1e300,123456.789]\n"
       "a table with the key 1.5 is neither an array nor an object\n", repr(done))
