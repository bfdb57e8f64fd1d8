"""Names that people, data sets and file systems give, and that are text all the same."""

HOSTILE = {
    "formula": "$SLURM_ARRAY_JOB_ID_$SLURM_ARRAY_TASK_ID",
    "open formula": "$\\frac{a}{",
    "commands": "a_b^c\\d{e%f&g~h#",
    "underscore": "_private",
    "markup": "<img src=x onerror=\"alert('x')\">",
    "end of script": "</script><script>alert(1)</script><!--",
    "quotes": "a\"b'c`d,e;f",
    "right to left": "\u200flayer\u202eback",
    "controls": "\x1b[31mred\x1b[0m\x07\r\b",
    "nothing": "\x00",
    "lines": "two\nlines\tand\u2028more\u2029",
    "zero width": "a\u200bb\u200dc\ufeff\u2060",
    "combining": "e\u0301\u0301\u0301 \u0301",
    "letters without outline": "\u2800\u115f\u3164",
    "emoji": "👩\u200d🔬🏳\ufe0f",
    "other scripts": "层 слой שכבה طبقة",
    "private": "\ue000\U000f0000\U000e0041\uffff",
    "lone surrogate": "run\udcff",
    "empty": "",
    "spaces": "   ",
    "long": "x" * 3000,
    "long and alike": "x" * 2999 + "y",
    "long and wide": "层" * 3000,
}
"""What is difficult about a name to the name."""
