#!/bin/sh
# Build docs/ as a site with search in build/site. A broken link or heading fails the build.
#
# The first run installs mkdocs-material into build/docs/venv and gets mermaid from npm, so that a reader's browser loads
# nothing from another host. Without npm the site is built all the same, and its diagrams are drawn by a script from
# unpkg.com. Where the packages cannot be installed, the exit status is 3.
set -eu
cd "$(dirname "$0")/../.."
PYTHON=${PYTHON:-python3.11}
HOME_OF_DOCS=build/docs
BIN=$HOME_OF_DOCS/venv/bin
MERMAID=mermaid@11.17.2
CANNOT_RUN=3

cannot() { # <why>: nothing was built, which says nothing about the pages
    echo "docs: $1" >&2
    exit $CANNOT_RUN
}

get_mermaid() {
    command -v npm >/dev/null || return 1
    npm pack --silent --pack-destination $HOME_OF_DOCS $MERMAID >/dev/null 2>&1 || return 1
    tar -xzf $HOME_OF_DOCS/mermaid-*.tgz -C $HOME_OF_DOCS --strip-components=2 package/dist/mermaid.min.js
    rm $HOME_OF_DOCS/mermaid-*.tgz
}

mkdir -p $HOME_OF_DOCS
if ! cmp -s requirements-docs.txt $HOME_OF_DOCS/installed.txt; then
    echo "installing (once)" >&2
    "$PYTHON" -m venv $HOME_OF_DOCS/venv
    $BIN/pip install --disable-pip-version-check -r requirements-docs.txt >$HOME_OF_DOCS/install.log 2>&1 \
        || cannot "cannot install requirements-docs.txt; see $HOME_OF_DOCS/install.log"
    cp requirements-docs.txt $HOME_OF_DOCS/installed.txt
fi
[ -f $HOME_OF_DOCS/mermaid.min.js ] || get_mermaid \
    || echo "docs: mermaid is not available from npm: browsers will load it from unpkg.com" >&2
# Not --quiet: with it, --strict counts no warnings.
NO_MKDOCS_2_WARNING=1 $BIN/python -m mkdocs build --strict >$HOME_OF_DOCS/build.log 2>&1 || {
    cat $HOME_OF_DOCS/build.log >&2
    exit 1
}
echo "build/site; to read it: $PYTHON -m http.server --bind 127.0.0.1 --directory build/site"
