"""A verdict as bytes: the same change judged again gives the same ones."""

import json

from runner.types import JsonObject, Verdict


def verdict_json(verdict: Verdict) -> JsonObject:
    """The verdict's answers as JSON; seconds and texts for people are no part of it."""
    return {
        "success": verdict.success,
        "checks": [
            {"name": check.name, "passed": check.passed, "detail": dict(check.detail)}
            for check in verdict.checks
        ],
    }


def verdict_bytes(verdict: Verdict) -> bytes:
    """`verdict_json` in its one canonical form: sorted keys, no spaces, ASCII, one line."""
    return json.dumps(
        verdict_json(verdict), sort_keys=True, separators=(",", ":"), ensure_ascii=True
    ).encode("ascii")
