"""How the documentation is built: ``make docs``."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path

from docutils import nodes

import ganaug

HERE = Path(__file__).parent
ROOT = HERE.parent

# The pictures of the gallery have a size of their own, and albumentations would ask the index for a newer version.
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"

project = "ganaug"
author = "ganaug contributors"
copyright = "ganaug contributors"
release = version = ganaug.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "sphinx_gallery.gen_gallery",
]
root_doc = "index"
exclude_patterns = [
    "_build",
    "_templates",
    "sg_execution_times.rst",
    "gallery/*.md5",
    "gallery/*.ipynb",
    "gallery/*.py",
]
templates_path = ["_templates"]
# What stands in `single backticks` in a docstring is a name.
default_role = "py:obj"
nitpicky = True

# ---- Markdown, which GitHub shows as well

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_fence_as_directive = ["math"]

# ---- The reference

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's Parameters say it, in words
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "inherited-members": True}
numpydoc_show_class_members = False  # the template lists them, without what scikit-learn adds
numpydoc_class_members_toctree = False
# What else stands in backticks: parameters, attributes, what other libraries define, and insides that a docstring names
# for those who read the code.
nitpick_ignore_regex = [
    ("py:class", r"(?!ganaug\.).*"),
    ("py:obj", r"(?!ganaug\.)[a-z].*"),
    ("py:obj", r"(ImageFolder|MNIST|Subset|(Concat|Stack|Tensor)Dataset|(Distributed|WeightedRandom)Sampler|SMOTE)"),
    ("py:obj", r"ganaug\.(codecs|experiments\.statistics|selection\.judging|summaries)\..*"),
    ("py:obj", r"(Estimate|NEEDS|VERDICTS)"),
]

# ---- The gallery

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples" / "gallery"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "write_computation_times": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "abort_on_example_error": False,  # all faults in one run; each fails the build
    "plot_gallery": "True",
    "image_srcset": ["2x"],
    "default_thumb_file": str(HERE / "_static" / "thumbnail.svg"),
    "show_memory": False,
    "show_signature": False,
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"matplotlib|numpy\.ndarray",  # axes, which are drawn
    "matplotlib_animations": False,
    "reset_modules": ("matplotlib",),
}

# ---- The pages

html_theme = "pydata_sphinx_theme"
html_title = "ganaug"
html_static_path = ["_static"]
html_css_files = ["ganaug.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {"gans": [], "quick_start": []}  # without pages beneath them
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
}


def _from_elsewhere(app, what, name, member, skip, options):
    """Leave out what classes inherit from scikit-learn, torch and the like."""
    if name.startswith("_") or re.fullmatch(r"set_\w+_request", name):
        return True
    member = inspect.unwrap(member.fget) if isinstance(member, property) and member.fget else member
    home = getattr(member, "__module__", None) if inspect.isroutine(member) or inspect.isclass(member) else None
    return True if home and not home.startswith("ganaug") else None


def _bars(app, what, name, obj, options, lines):
    """In docstrings |x| is an absolute value, and no substitution."""
    example = False
    for i, line in enumerate(lines):
        example = (example and bool(line.strip())) or line.lstrip().startswith(">>>")
        if not example:
            parts = re.split(r"(``.+?``)", line)
            lines[i] = "".join(part if part.startswith("``") else part.replace("|", r"\|") for part in parts)


def _homes():
    """Short name -> full name of everything public."""
    homes = {}
    for module in ("experiments", "plots", "transforms", "metrics", "datasets"):
        names = __import__(f"ganaug.{module}", fromlist=["__all__"]).__all__
        homes |= {short: f"ganaug.{module}.{short}" for short in names}
    homes |= {
        "Blend": "ganaug.selection.Blend",
        "Event": "ganaug.training.Event",
        "POLICIES": "ganaug.augmentation.POLICIES",
    }
    return homes | {short: f"ganaug.{short}" for short in ganaug.__all__}


def _public(app, env, node, contnode):
    """`GANOversampler` in a docstring of any module means the public one; so does the module that defines it."""
    target = node.get("reftarget", "")
    short = target.removeprefix("ganaug.").split(".")
    for n in range(1, min(len(short), 2) + 1):  # a name, or a method of a class
        full = ".".join([_homes().get(short[-n], ""), *short[len(short) - n + 1 :]])
        if full in env.domains["py"].objects:
            found = env.domains["py"].objects[full]
            where = app.builder.get_relative_uri(node["refdoc"], found.docname)
            return nodes.reference("", "", contnode, internal=True, refuri=f"{where}#{found.node_id}", reftitle=full)
    return None


def _pages(app, docname, source):
    """On GitHub a link leads to an example's script; here to its page."""
    source[0] = re.sub(r"\]\((?:\.\./)+examples/gallery/(\w+)\.py\)", r"](/gallery/\1.rst)", source[0])


def setup(app):
    """Connect what stands above."""
    app.connect("autodoc-skip-member", _from_elsewhere)
    app.connect("autodoc-process-docstring", _bars, priority=900)  # after numpydoc
    app.connect("missing-reference", _public)
    app.connect("source-read", _pages)
