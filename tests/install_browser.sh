#!/bin/sh
# What the browser tests need: a Chromium (installed where this is root on Debian) and axe-core from npm.
# Where there is none the tests say that they were not run; with CI=true they fail.
set -u
cd "$(dirname "$0")/.."
found=""
for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
    command -v "$name" >/dev/null 2>&1 && found=$name && break
done
if [ -z "$found" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null
fi
if [ ! -d node_modules/axe-core ] && command -v npm >/dev/null 2>&1; then
    npm ci --silent --no-audit --no-fund
fi
exit 0
