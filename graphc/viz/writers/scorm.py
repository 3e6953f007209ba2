"""A player as a package for learning platforms: SCORM 1.2, as Moodle, ILIAS and others take it.

Source: ADL, SCORM Version 1.2, The SCORM Content Aggregation Model (2001), chapter 2.3, and its run-time environment.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from html import escape

_MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest identifier="graphc.{key}" version="1.0" xmlns="http://www.imsproject.org/xsd/imscp_rootv1p1p2"
 xmlns:adlcp="http://www.adlnet.org/xsd/adlcp_rootv1p2" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.imsproject.org/xsd/imscp_rootv1p1p2 imscp_rootv1p1p2.xsd
 http://www.adlnet.org/xsd/adlcp_rootv1p2 adlcp_rootv1p2.xsd">
  <metadata>
    <schema>ADL SCORM</schema>
    <schemaversion>1.2</schemaversion>
  </metadata>
  <organizations default="graphc">
    <organization identifier="graphc">
      <title>{title}</title>
      <item identifier="item" identifierref="page" isvisible="true">
        <title>{title}</title>
      </item>
    </organization>
  </organizations>
  <resources>
    <resource identifier="page" type="webcontent" adlcp:scormtype="sco" href="index.html">
      <file href="index.html"/>
    </resource>
  </resources>
</manifest>
"""

_LONGEST = 200
"""Characters of a title that the standard promises to keep."""


def package(page: str, title: str) -> bytes:
    """The bytes of a .zip with a page and its manifest, the same ones in every run.

    The page itself finds the platform, and tells it the score and whether it was worked through.
    """
    key = hashlib.sha256(page.encode()).hexdigest()[:16]
    shown = escape(title[:_LONGEST])
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("imsmanifest.xml", _MANIFEST.format(key=key, title=shown)), ("index.html", page)):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, text.encode())
    return content.getvalue()


__all__ = ["package"]
