"""What is expected of an answer: {{…}}, JSON Merge Patch (RFC 7396) and the matchers, as spec/README.md describes them.
Regular expressions are those of ECMAScript, put into Python's words; white space in them is ASCII only.
"""
import json, re

MISSING = type("Missing", (), {"__bool__": lambda self: False})()  # what is not there, other than null
HOLE = re.compile(r"\{\{([^{}]+)\}\}")

def parse(text):
    try:
        return json.loads(text, parse_constant=lambda word: 1 // 0)
    except (ValueError, TypeError, RecursionError, ZeroDivisionError):
        return MISSING

def text_of(value):
    if isinstance(value, str) or value is MISSING: return value or ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

def fill(value, look):
    if isinstance(value, list): return [fill(one, look) for one in value]
    if isinstance(value, dict):
        filled = {name: fill(one, look) for name, one in value.items()}
        return {name: one for name, one in filled.items() if one is not MISSING}
    if not isinstance(value, str): return value
    whole = HOLE.fullmatch(value)
    return look(whole[1]) if whole else HOLE.sub(lambda hole: text_of(look(hole[1])), value)

def patch(target, change):
    if not isinstance(change, dict): return change
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in change.items():
        if value is None: merged.pop(name, None)
        else: merged[name] = patch(merged.get(name), value)
    return merged

def is_a(kind, value):
    if kind in ("number", "integer"):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and (kind == "number" or value == value // 1)
    types = {"string": str, "boolean": bool, "array": list, "object": dict, "null": type(None)}
    return isinstance(value, types[kind])

def same(one, other):  # in Python, 1 is equal to true
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)

def size(value):
    if isinstance(value, str): return len(value.encode("utf-16-le", "surrogatepass")) // 2
    if isinstance(value, list): return len(value)
    return value if is_a("number", value) else float("nan")

def is_found(rule, actual, kept):
    """ECMAScript spells some of it otherwise: (?<name>…), [^], $ and what a dot is."""
    source = HOLE.sub(lambda hole: re.escape(text_of(kept.get(hole[1], MISSING))), rule)
    ours = {"$": r"\Z", ".": r"[^\n\r\u2028\u2029]", "[^]": r"[\s\S]", "(?<": "(?P<"}
    parts = r"\\.|\[\^\]|\[(?:\\.|[^\]\\])*\]|\(\?<(?=\w)|[$.]"
    source = re.sub(parts, lambda part: ours.get(part[0], part[0]), source, flags=re.S)
    hit = re.search(source, actual, re.A) if isinstance(actual, str) else None
    if hit: kept.update({name: one for name, one in hit.groupdict().items() if one is not None})
    return hit is not None

def has_members(rule, actual, kept):
    return all(matches(one, actual.get(name, MISSING), kept) for name, one in rule.items())

MATCHERS = {
    "$type": lambda rule, actual, kept: is_a(rule, actual),
    "$pattern": is_found,
    "$any": lambda rule, actual, kept: any([matches(one, actual, kept) for one in rule]),
    "$not": lambda rule, actual, kept: actual is not MISSING and not matches(rule, actual, {**kept}),
    "$absent": lambda rule, actual, kept: actual is MISSING,
    "$has": lambda rule, actual, kept: isinstance(actual, list)
    and all(any(matches(one, item, kept) for item in actual) for one in rule),
    "$each": lambda rule, actual, kept: isinstance(actual, list)
    and len(actual) > 0 and all(matches(rule, item, kept) for item in actual),
    "$only": lambda rule, actual, kept: isinstance(actual, dict)
    and actual.keys() <= rule.keys() and has_members(rule, actual, kept),
    "$min": lambda rule, actual, kept: size(actual) >= rule,
    "$max": lambda rule, actual, kept: size(actual) <= rule,
    "$equals": lambda rule, actual, kept: actual is not MISSING
    and same(fill(rule, lambda name: kept.get(name, MISSING)), actual),
    "$save": lambda rule, actual, kept: actual is not MISSING and not kept.update({rule: actual}),
}

def matches(rule, actual, kept):
    if isinstance(rule, list):
        return isinstance(actual, list) and len(actual) == len(rule) and all(
            matches(one, item, kept) for one, item in zip(rule, actual))
    if not isinstance(rule, dict): return MATCHERS["$equals"](rule, actual, kept)
    named = [name for name in rule if name in MATCHERS]
    if named: return all(MATCHERS[name](rule[name], actual, kept) for name in named)
    return isinstance(actual, dict) and has_members(rule, actual, kept)
