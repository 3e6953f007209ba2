"""The package's manifest held against the XML schemas of SCORM 1.2 themselves, where a folder has them.

The schemas are IMS's and ADL's and no part of this repository: GRAPHC_SCORM_XSD names a folder with `adlcp_rootv1p2.xsd`,
`imscp_rootv1p1p2.xsd` and `ims_xml.xsd`, which most packages of other tools contain. What they ask for without them is in
`tests/viz/test_verbs.py`.
"""

from __future__ import annotations

import os
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

import graphc as g

FOLDER = os.environ.get("GRAPHC_SCORM_XSD", "")

pytestmark = pytest.mark.skipif(
    not FOLDER, reason="GRAPHC_SCORM_XSD names no folder with the schemas of SCORM 1.2"
)


@pytest.fixture(scope="module")
def schema():
    etree = pytest.importorskip("lxml.etree")
    return etree.XMLSchema(etree.parse(str(Path(FOLDER) / "adlcp_rootv1p2.xsd")))


def manifest(expr, **options):
    at = dict.fromkeys(g.Graph(expr).symbols, 1.0)
    return zipfile.ZipFile(BytesIO(g.draw(expr, at, **options).render("zip"))).read("imsmanifest.xml")


x, y = g.symbols("x y")
FORMULAS = {
    "plain": x * y + x,
    "signs": g.symbol('a<b&"c"') * y,
    "alphabets": g.symbol("θ") * g.symbol("ש"),
    "long": sum((g.sin(g.symbol(f"a_long_name_number_{n}")) for n in range(40)), g.symbol("start")),
}


@pytest.mark.parametrize("exercise", [False, True])
@pytest.mark.parametrize("name", FORMULAS)
def test_the_manifest_is_valid(schema, name, exercise):
    from lxml import etree

    schema.assertValid(etree.fromstring(manifest(FORMULAS[name], exercise=exercise)))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b'type="webcontent" ', b""),
        (b'scormtype="sco"', b'scormtype="page"'),
        (b'identifier="item"', b'identifier="page"'),
        (b"<organizations", b"<resources/><organizations"),
        (b"<file href=", b"<file name="),
    ],
)
def test_the_schema_is_read(schema, good, bad):
    from lxml import etree

    text = manifest(FORMULAS["plain"])
    assert good in text
    assert not schema.validate(etree.fromstring(text.replace(good, bad)))
