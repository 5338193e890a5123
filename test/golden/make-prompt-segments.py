"""What AUTOMATIC1111 makes of emphasis and BREAK, by its own parser.

Regenerate with `python test/golden/make-prompt-segments.py WEBUI`, WEBUI being a folder of
stable-diffusion-webui 1.10.1 (`modules/prompt_parser.py`; needs what that imports). Writes
prompt-segments.json beside this file: [prompt, [[text, weight], ...]], a break as ["BREAK", -1].
"""

import json
import sys
from pathlib import Path

PROMPTS = [
    "a heart", "(a heart)", "((a heart))", "[a heart]", "[[a heart]]", "(a heart:1.3)",
    "(a heart:.5)", "(a heart:-1)", "(a heart: 1.2 )", "(a heart:1,3)", "(a heart:+1.5)",
    "(a heart:1.)", "a (red (heart:1.2):1.5) here", "([a] heart)", "[(a) heart]", "(a [heart)]",
    "(a heart", "[a heart", "a heart)", "a heart]", ")(", "][", "()", "[]", "(:1.2)",
    "\\(a heart\\)", "\\[a heart\\]", "a \\ heart", "a \\\\ heart", "saber \\(fate\\), (smile)",
    "16:9", "(16:9)", "[16:9]", "a: b: c", "(a: b:1.2)", "(a:b)", ":)", ">:(", "a :d, (b)",
    "a heart BREAK a star", "a heart, BREAK, a star", "BREAK", "BREAK BREAK", " BREAK a",
    "(a heart BREAK a star)", "(a heart BREAK a star:1.2)", "[a BREAK b]", "(a BREAK b:1)",
    "(a heart)BREAK(a star)", "(a:-1)BREAK b", "BREAKFAST", "break", "a_BREAK b", "éBREAK",
    "a AND b", "{a}", "a\nheart", "(a\nheart:1.2)", "(一颗心:1.2)", "（a heart:1.2）",
]


def main() -> None:
    sys.path.insert(0, sys.argv[1])
    from modules.prompt_parser import parse_prompt_attention

    rows = [[prompt, parse_prompt_attention(prompt)] for prompt in PROMPTS]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    Path(__file__).with_suffix(".json").with_stem("prompt-segments").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
