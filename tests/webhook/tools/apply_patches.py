#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Applies patches as an API server does, by an implementation that is not ours.

Standard input: a list of {"object": …, "patch": base64 of a JSON patch}. Standard output: the list of
patched objects. Needs python3-jsonpatch.
"""

import base64
import json
import sys

import jsonpatch

json.dump(
    [
        jsonpatch.JsonPatch.from_string(base64.b64decode(one["patch"], validate=True).decode()).apply(
            one["object"]
        )
        for one in json.load(sys.stdin)
    ],
    sys.stdout,
)
