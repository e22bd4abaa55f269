#!/usr/bin/env bash
# One pill, front and back, over REST with curl:   examples/identify.sh [http://HOST:PORT]
# curl tries refused calls (429, 503) again, after as many seconds as Retry-After says; 20 s for all attempts.
set -euo pipefail
service=${1:-http://127.0.0.1:3000}
here=$(cd "$(dirname "$0")" && pwd)
answer=$(mktemp) # a file, since curl empties it before each attempt
trap 'cat "$answer"; rm -f "$answer"' EXIT

curl --silent --show-error --fail-with-body --retry 5 --retry-max-time 20 --max-time 10 --output "$answer" \
    --form "image=@$here/front.jpg" \
    --form "image_back=@$here/back.jpg" \
    --form-string 'metadata={"imprint": "93;5126", "color": "PINK", "shape": "TRIANGLE"}' \
    "$service/api/v1/predict"
