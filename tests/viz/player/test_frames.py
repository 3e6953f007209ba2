"""Large pictures by their frames: every node is seen in the picture of its frame, with all that it is connected with."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
import zipfile

import graphc as g
from graphc.viz import view
from graphc.viz.player.frames import WHOLE, frame_pictures


def deep(count, name):
    first, second = g.symbols(f"{name}_first {name}_second")
    value = first
    for number in range(count):
        with g.scope(f"block {number // 4}"), g.scope(f"part {number}"):
            value = g.tanh(value * second) + value * first
    return g.Graph(value)


def test_small_views_are_one_picture():
    shown = view(deep(3, "small"), None)
    (picture,) = frame_pictures(shown)
    assert picture.view is shown and len(shown.nodes) <= WHOLE


def test_each_frame_opens_and_shows_what_is_in_it():
    shown = view(deep(20, "large"), None)
    pictures = frame_pictures(shown)
    assert len(pictures) == 1 + 5 + 20
    assert [picture.block for picture in pictures[:3]] == [(), ("block 0",), ("block 1",)]
    by_block = {picture.block: picture for picture in pictures}
    for node in shown.nodes:
        assert node in by_block[node.block].view.nodes
    for picture in pictures:
        keys = {node.key for node in picture.view.nodes}
        inside = {node.key for node in shown.nodes if node.block == picture.block}
        assert inside <= keys
        covered = {number for numbers in picture.edges for number in numbers}
        for number, edge in enumerate(shown.edges):
            if edge.tail in inside or edge.head in inside:
                assert number in covered
        for edge, numbers in zip(picture.view.edges, picture.edges, strict=True):
            assert edge.tail in keys and edge.head in keys and edge.tail != edge.head
            assert len({shown.edges[number].node for number in numbers}) == 1
        closed = {node.key for node in picture.view.nodes if node.kind == "block"}
        assert closed == set(picture.opens)
        for key, target in picture.opens.items():
            (node,) = (node for node in picture.view.nodes if node.key == key)
            assert pictures[target].block == (*node.block, node.label)


def test_a_package_is_what_platforms_take(tmp_path):
    graph = deep(1, "scorm")
    at = {symbol.name: 0.5 for symbol in graph.symbols}
    first = g.draw(graph, at=at).save(tmp_path / "a.zip").read_bytes()
    assert first == g.draw(graph, at=at).save(tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        root = ElementTree.fromstring(archive.read("imsmanifest.xml"))
        assert archive.read("index.html").decode() == g.draw(graph, at=at).html()
    ims, adl = (
        "{http://www.imsproject.org/xsd/imscp_rootv1p1p2}",
        "{http://www.adlnet.org/xsd/adlcp_rootv1p2}",
    )
    assert root.tag == f"{ims}manifest" and root.get("identifier")
    assert [child.tag for child in root] == [
        f"{ims}{name}" for name in ("metadata", "organizations", "resources")
    ]
    assert root.findtext(f"{ims}metadata/{ims}schema") == "ADL SCORM"
    assert root.findtext(f"{ims}metadata/{ims}schemaversion") == "1.2"
    organizations = root.find(f"{ims}organizations")
    assert organizations is not None
    (organization,) = organizations.findall(f"{ims}organization")
    assert organizations.get("default") == organization.get("identifier")
    (item,), (resource,) = organization.findall(f"{ims}item"), root.findall(f"{ims}resources/{ims}resource")
    assert item.get("identifierref") == resource.get("identifier") and item.findtext(f"{ims}title")
    assert resource.get(f"{adl}scormtype") == "sco" and resource.get("type") == "webcontent"
    assert (
        [file.get("href") for file in resource.findall(f"{ims}file")]
        == [resource.get("href")]
        == ["index.html"]
    )


def test_closed_frames_may_lead_into_each_other():
    x, y = g.symbols("circle_x circle_y")
    one, other = x, y
    for number in range(16):  # each frame is entered twice, and feeds the one before it
        with g.scope(f"ring {number % 4}"):
            one, other = g.tanh(one * other + number), g.sin(one) * other
    graph = g.Graph(one + other)
    pictures = frame_pictures(view(graph, None))
    assert len(pictures) == 5
    for picture in pictures:
        place = {}
        edges = [edge for edge in picture.view.edges if not edge.feedback]
        keys = [node.key for node in picture.view.nodes]
        while len(place) < len(keys):  # all lines that do not lead back lead forwards
            ready = [k for k in keys if k not in place and all(e.tail in place for e in edges if e.head == k)]
            assert ready
            place |= dict.fromkeys(ready, len(place))
    assert any(edge.feedback for picture in pictures for edge in picture.view.edges)
    assert 'id="packed"' in g.draw(graph, {x: 0.5, y: 0.25}).html()
