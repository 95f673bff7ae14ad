"""A Sphinx book whose readers sign in."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # sign_in.py

project = "Turning"
extensions = ["sign_in"]
html_theme = "furo"
html_static_path = ["_static"]
html_extra_path = ["extra"]  # bookgate-return.html
html_css_files = ["book.css"]
html_js_files = [
    ("http://127.0.0.1:8080/bookgate.js", {"type": "module", "async": "async"}),
    ("keep.js", {"type": "module"}),
    ("quiz.js", {"type": "module"}),
]
