"""JSON Schemas of what commands give with `--json`.

Keys are added in later versions, and none goes: what reads them passes over others.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}


def _told(meaning: str, kind: Json) -> Json:
    return {"description": meaning, **kind}


def _or_null(kind: Json) -> Json:
    return {"anyOf": [kind, {"type": "null"}]}


def _list(kind: Json) -> Json:
    return {"type": "array", "items": kind}


def _by_name(kind: Json) -> Json:
    return {"type": "object", "additionalProperties": kind}


def _record(properties: Json) -> Json:
    """An object that has all of them, and maybe others."""
    return {"type": "object", "properties": properties, "required": [*properties]}


SHAPE = _list({"type": "integer", "minimum": 1})
AXES = {
    "type": "array",
    "items": {"type": "number", "exclusiveMinimum": 0},
    "minItems": 2,
    "maxItems": 2,
}
PARAMS = _told("What may be set, and its value here.", {"type": "object"})
PREPROCESSING = _told(
    "How an image becomes an input: resize, crop and size in pixels, interpolation, "
    "range, channels, mean, std; those that the spec says.",
    {"type": "object"},
)

NET = _record(
    {
        "name": TEXT,
        "title": TEXT,
        "description": TEXT,
        "family": _told("The nearest that it extends.", _or_null(TEXT)),
        "families": _told("All, the nearest first.", _list(TEXT)),
        "parameters": _told("Number of trainable parameters.", COUNT),
        "macs": _told("Multiply-accumulates of one image.", COUNT),
        "inputs": _told("Shapes, channels first.", _by_name(SHAPE)),
        "params": PARAMS,
        "preprocessing": PREPROCESSING,
        "publisher": _told("Whose code and weights it equals.", _or_null(TEXT)),
        "source": _told("Where it comes from.", TEXT),
    }
)

NODE = _record(
    {
        "name": _told("Path in the net.", TEXT),
        "op": TEXT,
        "attributes": _told("All of the op, also those left out.", {"type": "object"}),
        "inputs": _told("The nodes that it reads.", _list(TEXT)),
        "shape": _told("Of the output, channels first.", SHAPE),
        "parameters": COUNT,
        "macs": COUNT,
        "receptive_field": _told(
            "[vertical, horizontal], pixels of the image; null for the whole image.",
            _or_null(AXES),
        ),
        "stride": _told(
            "[vertical, horizontal], pixels of the image; null for a vector.",
            _or_null(AXES),
        ),
        "at": _told("FILE:LINE:COLUMN in the spec.", TEXT),
    }
)

SHOWN = _record(
    {
        "name": TEXT,
        "title": TEXT,
        "source": TEXT,
        "fingerprint": _told(
            "SHA-256 of what the net computes and starts from.",
            {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        ),
        "params": PARAMS,
        "arguments": _told("The params that printed code may take.", _list(TEXT)),
        "preprocessing": PREPROCESSING,
        "inputs": _by_name(SHAPE),
        "outputs": _told("Of one output the name may be empty.", _by_name(SHAPE)),
        "taps": _by_name(SHAPE),
        "parameters": COUNT,
        "buffers": _told("Values that are stored and not trained.", COUNT),
        "macs": COUNT,
        "flops": _told("2 x macs.", COUNT),
        "activation_bytes": _told("All outputs of one image in float32.", COUNT),
        "nodes": _told("In topological order.", _list(NODE)),
    }
)

FINDING = _record(
    {
        "code": _told("`archspec explain CODE` explains it.", TEXT),
        "severity": {"enum": ["error", "warning"]},
        "message": TEXT,
        "hint": _told("What to do.", _or_null(TEXT)),
        "notes": _list(TEXT),
        "file": _or_null(TEXT),
        "line": _told("From 1.", _or_null({"type": "integer", "minimum": 1})),
        "column": _told("From 1.", _or_null({"type": "integer", "minimum": 1})),
        "end_column": _told(
            "The first behind what is wrong.", _or_null({"type": "integer"})
        ),
    }
)

RATE = {"type": "number", "minimum": 0}
SECONDS = _told(
    "Of each run, by rounds.", _list(_list({"type": "number", "minimum": 0}))
)
CONTENDER = _record(
    {
        "backend": _told("As it was spelled.", TEXT),
        "missing": _told("Why there are no numbers.", _or_null(TEXT)),
        "versions": _told("Of the modules that compute.", _by_name(TEXT)),
        "device": _told("Null for the processor.", _or_null(TEXT)),
        "first_seconds": _told("Of the first run, with what compiles.", _or_null(RATE)),
        "error": _told(
            "The largest difference to float64, by the largest value; null if not "
            "finite, or missing.",
            _or_null(RATE),
        ),
        "cpu_seconds": SECONDS,
        "wall_seconds": SECONDS,
        "peak_bytes": _told(
            "The most that the process held, or the device.", _or_null(COUNT)
        ),
        "same_function": _told(
            "Whether the error is float32's.", _or_null({"type": "boolean"})
        ),
        "ratio": _told(
            "Of its time to that of the first backend, by rounds.",
            _or_null(_record(dict.fromkeys(("median", "least", "greatest"), RATE))),
        ),
        "flops_per_second": _or_null(RATE),
        "of_peak": _told("By the best of peak_flops_per_second.", _or_null(RATE)),
    }
)

TIMED = _record(
    {
        "archspec_bench": _told("Version of this record.", {"const": 1}),
        "spec": _told("As it was named.", TEXT),
        "name": TEXT,
        "fingerprint": TEXT,
        "params": PARAMS,
        "inputs": _by_name(SHAPE),
        "macs": _told("Of one image.", COUNT),
        "weights": _told("Where they are from; null for random ones.", _or_null(TEXT)),
        "seed": {"type": "integer"},
        "optimize": {"enum": ["inference", None]},
        "machine": TEXT,
        "cpus": COUNT,
        "sections": _told(
            "A batch with a number of threads each.",
            _list(
                _record(
                    {
                        "batch": COUNT,
                        "threads": COUNT,
                        "flops": _told("Of a run.", COUNT),
                        "rounds": _told("That were made.", COUNT),
                        "compared": {"enum": ["cpu", "wall"]},
                        "others": _told(
                            "Processors that others kept busy.", _or_null(RATE)
                        ),
                        "load": _or_null(RATE),
                        "peak_flops_per_second": _told(
                            "Before and after.", _by_name(_list(RATE))
                        ),
                        "backends": _list(CONTENDER),
                    }
                )
            ),
        ),
    }
)

ERROR = _or_null({"type": "number", "minimum": 0})
CHECKED = _record(
    {
        "dtype": {"enum": ["float32", "float64"]},
        "check": TEXT,
        "target": _told("The backend, with its engine.", TEXT),
        "verdict": {
            "enum": [
                *("pass", "FAIL", "ill-conditioned", "not available"),
                *("forward only", "float32 only", "not exact"),
            ],
        },
        "error": _told("The largest relative one; null if not finite.", ERROR),
        "where": _told("The value or parameter that has it.", TEXT),
        "at": _told("FILE:LINE:COLUMN of its node.", TEXT),
        "floor": _told("What other kernels, or other last bits, make.", ERROR),
        "limit": _told("The largest error that passes.", ERROR),
        "reason": _told("Why there are no numbers.", TEXT),
    }
)
FOUND = _record({"node": TEXT, "op": TEXT, "at": TEXT, "error": ERROR, "text": TEXT})
VERIFIED = _record(
    {
        "name": TEXT,
        "spec": _told("As it was named.", TEXT),
        "dtype": {"enum": ["float32", "float64"]},
        "seed": {"type": "integer"},
        "params": _told("Those that were set.", {"type": "object"}),
        "size": _told(
            "[height, width] that were set.",
            _or_null(_list({"type": "integer", "minimum": 1})),
        ),
        "device": _or_null(TEXT),
        "file": _told("The user's own file, if that was verified.", _or_null(TEXT)),
        "rename": _told("Its names by those of the spec.", _by_name(TEXT)),
        "reference": _told("What the others are compared with.", TEXT),
        "passed": {"type": "boolean"},
        "rows": _list(CHECKED),
        "first_differing": _told(
            "By check and backend: the first node, or why it wasn't found.",
            _by_name({"anyOf": [FOUND, TEXT]}),
        ),
        "notes": _list(TEXT),
    }
)

RECORDS = {
    "list": _told("What `archspec list --json` gives.", _list(NET)),
    "show": _told("What `archspec show SPEC --json` gives.", SHOWN),
    "validate": _told(
        "What `archspec validate SPEC --json` gives: what is wrong or doubtful.",
        _list(FINDING),
    ),
    "verify": _told("What `archspec verify SPEC --json` gives.", _list(VERIFIED)),
    "bench": _told("What `archspec bench SPEC --json` gives.", TIMED),
}


def record(command: str) -> Json:
    """The schema of a command's JSON, draft 2020-12."""
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, **RECORDS[command]}
