"""Every kind of picture, every verb, every format: each works, or is refused in words that say what to write instead."""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ET
import zipfile
from io import BytesIO

import numpy as np
import pytest

import graphc as g
from graphc import nn
from graphc.errors import RenderError
from graphc.viz.diagram import FORMS

x, y, w = g.symbols("x y w")
LOSS = g.log(1 / (g.exp(-(x * w + y)) + 1))
AT = {"x": 2.0, "w": -3.0, "y": 6.0}
W, V, ROWS = g.symbol("W", shape=(3, 3)), g.symbol("v", shape=3), g.symbol("rows", shape=4)
ARRAYS = {"v": [1.0, 2.0, 3.0], "W": np.arange(9.0).reshape(3, 3)}


def dense():
    return nn.Model(nn.Sequential(nn.Affine(3), nn.Tanh, nn.Affine(2)), g.symbol("data", shape=("batch", 4)))


def convolutions():
    layers = nn.Sequential(nn.Conv2d(2, 3), nn.ReLU, nn.Flatten(), nn.Affine(2))
    return nn.Model(layers, g.symbol("image", shape=("batch", 1, 6, 6)))


KINDS = {
    "structure": lambda: g.draw(LOSS),
    "values": lambda: g.draw(LOSS, AT),
    "forward alone": lambda: g.draw(LOSS, AT, backward=False),
    "arrays": lambda: g.draw(g.sum(g.tanh(W @ V)), ARRAYS, watch={"W": [(0, 1)]}, decimals=2),
    "exercise": lambda: g.draw(LOSS, AT, exercise=True),
    "exercise on a page": lambda: g.draw(LOSS, AT, exercise=True, page="slide"),
    "panels": lambda: g.side_by_side({"a": LOSS, "b": x * w}, AT),
    "differences": lambda: g.compare(LOSS, LOSS + x),
    "network": lambda: g.draw(dense(), style="network"),
    "network at a point": lambda: g.draw(dense(), {"data": np.ones((2, 4))}, style="network"),
    "convolutions": lambda: g.draw(convolutions(), style="network"),
    "model": lambda: g.draw(dense(), {"data": np.ones((2, 4))}),
    "collapsed": lambda: g.draw(LOSS, AT, collapse=True),
    "in rows": lambda: g.draw(LOSS, AT, page="column"),
    "outputs": lambda: g.draw({"a": LOSS, "b": x * w}, AT),
    "one symbol": lambda: g.draw(x, {"x": 1.0}),
    "loop": lambda: g.draw(
        g.scan(lambda c, t: (c * w + t, None), x, ROWS)[0], {"x": 2.0, "w": -3.0, "rows": np.ones(4)}, step=1
    ),
    "branch": lambda: g.draw(g.cond(x > 0, lambda: x * w, lambda: g.exp(y)), AT),
    "rewrite": lambda: g.draw(g.rewrites(g.log(g.exp(x) + 1))[0]),
    "accuracy": lambda: g.draw(
        LOSS, accuracy=g.accuracy(LOSS, {"x": (1, 2), "w": (1, 2), "y": (1, 2)}, samples=16)
    ),
}

HEADS = {
    "svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "tex": b"\\RequirePackage", "html": b"<!DOCTYPE html>",
    "zip": b"PK", "dot": b"", "txt": b"",
}  # fmt: skip


def attempt(verb):
    """What a verb gives; None where it is refused, which has to be in plain words and with what to do."""
    try:
        return verb()
    except RenderError as error:
        assert error.hint, error
        return None


@pytest.mark.sample(2)
@pytest.mark.parametrize("kind", KINDS)
def test_every_verb_and_every_format(kind, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # what was collapsed to fit a page
        diagram = KINDS[kind]()
        for form in FORMS:
            content = attempt(lambda form=form: diagram.save(tmp_path / f"picture.{form}").read_bytes())
            if content is None:
                assert form in ("html", "zip")  # what has no player
            else:
                assert content.lstrip().startswith(HEADS[form]) and len(content) > 40
        for page in ("slide", "a4", (6.0, 4.0)):
            assert "<svg" in diagram.fit(page).svg()
    ET.fromstring(diagram.svg().encode())
    assert diagram.describe() and diagram.text() and "graph" in diagram.source and repr(diagram)
    steps = attempt(diagram.steps)
    assert steps is None or len(steps) > 0
    player, page = attempt(diagram.play), attempt(diagram.html)
    assert (player is None) == (page is None)
    if player is not None:
        assert player.html() == page and repr(player)
    assert ("<iframe" in (diagram._repr_html_() or "")) == kind.startswith("exercise")


def test_a_player_is_saved_and_refuses_other_suffixes(tmp_path):
    player = g.draw(LOSS, AT).play()
    assert player.save(tmp_path / "a.html").read_text(encoding="utf-8") == player.html()
    assert zipfile.ZipFile(BytesIO(player.save(tmp_path / "a.zip").read_bytes())).testzip() is None
    with pytest.raises(RenderError, match=r"a player is an \.html or a \.zip file"):
        player.save(tmp_path / "a.svg")


def test_a_model_s_player_begins_with_the_weights_of_the_model():
    model = dense()
    assert g.draw(model, {"data": np.ones((2, 4))}, style="network").html()


# --- the package for learning platforms -----------------------------------------------------------------------------------

CP, ADL = "{http://www.imsproject.org/xsd/imscp_rootv1p1p2}", "{http://www.adlnet.org/xsd/adlcp_rootv1p2}"

SEQUENCES = {
    "manifest": (("metadata", 0, 1), ("organizations", 1, 1), ("resources", 1, 1), ("manifest", 0, None)),
    "metadata": (("schema", 0, 1), ("schemaversion", 0, 1)),
    "organizations": (("organization", 0, None),),
    "organization": (("title", 0, 1), ("item", 0, None), ("metadata", 0, 1)),
    "item": (("title", 0, 1), ("item", 0, None), ("metadata", 0, 1)),
    "resources": (("resource", 0, None),),
    "resource": (("metadata", 0, 1), ("file", 0, None), ("dependency", 0, None)),
    "file": (("metadata", 0, 1),),
    "title": (), "schema": (), "schemaversion": (),
}  # fmt: skip
"""What the schema of IMS Content Packaging 1.1.2 lets stand in each element, in this order, and how often."""

ATTRIBUTES = {
    "manifest": ({"identifier"}, {"version"}), "organizations": (set(), {"default"}),
    "organization": ({"identifier"}, {"structure"}),
    "item": ({"identifier"}, {"identifierref", "isvisible", "parameters"}),
    "resource": ({"identifier", "type", f"{ADL}scormtype"}, {"href"}), "file": ({"href"}, set()),
}  # fmt: skip
"""The attributes that the schemas ask for, and those that they allow."""

INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"


def complaints(element):
    """What in a manifest is against the schema."""
    name = element.tag.removeprefix(CP)
    if name not in SEQUENCES:
        yield f"{element.tag} is no element of the schema"
        return
    children, at = [child.tag.removeprefix(CP) for child in element], 0
    for wanted, least, most in SEQUENCES[name]:
        count = 0
        while at < len(children) and children[at] == wanted:
            at, count = at + 1, count + 1
        if count < least or (most is not None and count > most):
            yield f"{count} {wanted} in {name}"
    if at < len(children):
        yield f"{children[at]} is out of place in {name}"
    asked, allowed = ATTRIBUTES.get(name, (set(), set()))
    given = {key for key in element.attrib if not key.startswith(INSTANCE)}
    if not asked <= given or not given <= asked | allowed:
        yield f"attributes of {name}: {sorted(given)}"
    for child in element:
        yield from complaints(child)


def against(archive):
    """What in a package is against SCORM 1.2."""
    root = ET.fromstring(archive.read("imsmanifest.xml"))
    if root.tag != f"{CP}manifest":
        yield f"the root is {root.tag}"
    yield from complaints(root)
    told = {place: (root.findtext(f".//{CP}{place}") or "").strip() for place in ("schema", "schemaversion")}
    if told != {"schema": "ADL SCORM", "schemaversion": "1.2"}:
        yield f"of another standard: {told}"
    names = [element.get("identifier", "") for element in root.iter() if "identifier" in element.attrib]
    if len(set(names)) < len(names) or not all(name[:1].isalpha() or name[:1] == "_" for name in names):
        yield f"identifiers {names}"
    resources = {resource.get("identifier"): resource for resource in root.iter(f"{CP}resource")}
    organizations = root.find(f"{CP}organizations")
    if organizations is None or organizations.get("default") not in {
        one.get("identifier") for one in organizations
    }:
        yield "the default organization is none of them"
    for item in root.iter(f"{CP}item"):
        if item.get("identifierref") not in resources:
            yield f"an item refers to {item.get('identifierref')}"
    listed = set()
    for resource in resources.values():
        files = {file.get("href") for file in resource.iter(f"{CP}file")}
        listed |= files
        if resource.get("href") not in files or resource.get("type") != "webcontent":
            yield f"the resource {resource.attrib}"
        if resource.get(f"{ADL}scormtype") not in ("sco", "asset"):
            yield f"a resource is a {resource.get(f'{ADL}scormtype')}"
    if listed != set(archive.namelist()) - {"imsmanifest.xml"}:
        yield f"files {sorted(archive.namelist())}, listed {sorted(listed)}"


TITLES = [LOSS, g.symbol("a<b&c"), g.sum(W @ V), g.symbol("θ") * g.symbol('"quoted"')]


@pytest.mark.parametrize("number", range(len(TITLES)))
def test_a_package_is_as_the_schemas_of_scorm_ask(number):
    expr = TITLES[number]
    at = {symbol: np.ones(symbol.shape) if symbol.shape else 1.0 for symbol in g.Graph(expr).symbols}
    archive = zipfile.ZipFile(BytesIO(g.draw(expr, at).render("zip")))
    assert list(against(archive)) == []


MANGLED = {
    "out of place": ("<organizations", "<resources/><organizations"),
    "of another standard": ("1.2</schemaversion>", "2004</schemaversion>"),
    "attributes of resource": (' adlcp:scormtype="sco"', ""),
    "identifiers": ('identifier="item"', 'identifier="page"'),
    "an item refers to": ('identifierref="page"', 'identifierref="other"'),
    "files": ('<file href="index.html"/>', '<file href="index.html"/><file href="more.css"/>'),
    "the default organization": ('default="graphc"', 'default="other"'),
    "no element of the schema": ("<resources>", "<resources><assets/>"),
}


@pytest.mark.parametrize("told", MANGLED)
def test_what_is_against_the_schemas_is_told(told):
    good = zipfile.ZipFile(BytesIO(g.draw(LOSS, AT).render("zip")))
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as bad:
        for name in good.namelist():
            text = good.read(name).decode()
            assert name != "imsmanifest.xml" or MANGLED[told][0] in text
            bad.writestr(name, text.replace(*MANGLED[told]) if name == "imsmanifest.xml" else text)
    assert any(told in text for text in against(zipfile.ZipFile(content)))
