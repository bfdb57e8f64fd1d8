"""One script from several modules: in the right order, nothing left that only modules may say."""

import re
from pathlib import Path

import pytest

import topocallback.tensorboard_tab
from topocallback.views.bundle import bundle

STATIC = Path(topocallback.tensorboard_tab.__file__).parent / "static"


def write(folder, **modules):
    for name, source in modules.items():
        (folder / f"{name}.js").write_text(source, encoding="utf-8")
    return folder


def bodies(script):
    """The names of the constants that hold modules, in their order."""
    return re.findall(r"^const (\$\w+) = \(\(\) => \{$", script, re.MULTILINE)


def test_a_module_comes_once_and_after_those_that_it_imports(tmp_path):
    write(
        tmp_path,
        index='import { a } from "./a.js";\nimport { b } from "./b.js";\nexport function render() { return a + b; }',
        a='import { c } from "./c.js";\nexport const a = c;',
        b='import { c } from "./c.js";\nimport { a } from "./a.js";\nexport const b = a + c;',
        c="export const c = 1;",
        unused="export const unused = 1;",
    )
    assert bodies(bundle(tmp_path)) == ["$c_js", "$a_js", "$b_js", "$index_js"]


def test_a_module_takes_what_it_imports_and_gives_what_it_exports(tmp_path):
    write(
        tmp_path,
        index='import {\n  a,\n  b as other,\n} from "./parts.js";\n\nexport async function render() {\n  a(other);\n}',
        parts="const hidden = 1;\nexport function a() {}\nexport const b = hidden;\nexport class C {}\n",
    )
    assert bundle(tmp_path) == (
        '"use strict";\n'
        "const $parts_js = (() => {\n"
        "const hidden = 1;\nfunction a() {}\nconst b = hidden;\nclass C {}\n"
        "\nreturn { a, b, C };\n})();\n"
        "const $index_js = (() => {\n"
        "const { a, b: other } = $parts_js;\n\nasync function render() {\n  a(other);\n}"
        "\nreturn { render };\n})();\n"
        "const entry = $index_js;\n"
    )


def test_nothing_in_a_module_ends_the_script(tmp_path):
    write(tmp_path, index='/* <!-- */ export const x = "</script>";\nexport const y = "</SCRIPT >";')
    script = bundle(tmp_path)
    assert not re.search("</script|<!--", script, re.IGNORECASE)
    assert r'"<\/script>"' in script


def test_modules_in_a_circle_are_refused(tmp_path):
    write(
        tmp_path, index='import { a } from "./a.js";', a='import { b } from "./b.js";', b='import { a } from "./a.js";'
    )
    with pytest.raises(ValueError, match=r"circle, got \['index.js', 'a.js', 'b.js', 'a.js'\]"):
        bundle(tmp_path)


@pytest.mark.parametrize(
    "statement",
    [
        'import "./a.js";',
        'import a from "./a.js";',
        'import * as a from "./a.js";',
        'import { a } from "a";',
        'import { a } from "https://example.org/a.js";',
        "export default 1;",
        "export let a = 1;",
        "export { a };",
        'export * from "./a.js";',
    ],
)
def test_another_form_of_import_or_export_is_refused(tmp_path, statement):
    write(tmp_path, index=statement, a="")
    with pytest.raises(ValueError, match=re.escape(f"got {statement!r}")):
        bundle(tmp_path)


def test_the_front_end_becomes_one_script():
    script = bundle(STATIC)
    assert sorted(bodies(script)) == sorted("$" + re.sub(r"\W", "_", path.name) for path in STATIC.glob("*.js"))
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)
    for path in STATIC.glob("*.js"):
        for name in re.findall(r"^export (?:async )?(?:function|const|class) (\w+)", path.read_text(), re.MULTILINE):
            assert re.search(rf"\b{name}\b", script)
