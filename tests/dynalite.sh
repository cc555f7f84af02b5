#!/bin/sh
# The engine's tests on other implementations of DynamoDB than moto. Dynalite knows neither TransactWriteItems nor
# streams, without which no task is ever leased, so it gets the conditional writes of one item. Everything runs on
# Amazon's own DynamoDB Local, which the npm package amplify-dynamodb-simulator brings along.
#
# `sh tests/dynalite.sh quick` runs on DynamoDB Local what tells most in about two minutes: whatever rests on conditions,
# transactions, queries and streams. Without it everything runs, in about 20. Where the machine lacks what it needs, the
# exit status is 3.
#
# DynamoDB Local listens on every address of the machine and cannot be told otherwise: so it gets a network of its own,
# with nothing in it but a loopback interface, and the tests run in there with it.
set -eu
cd "$(dirname "$0")/.."
BIN=${BIN:-.venv/bin}
HOME_OF_BOTH=build/dynamodb
EMULATOR=$HOME_OF_BOTH/node_modules/amplify-dynamodb-simulator/emulator
DYNALITE_PORT=4567 LOCAL_PORT=8000
CANNOT_RUN=3

cannot() { # <why>: nothing was tested, which is no failure of the tests
    echo "test-dynalite $1" >&2
    exit $CANNOT_RUN
}

QUICK="
    tests/engine/changes/test_relay.py tests/engine/search/test_search.py tests/engine/security/test_rate_limits.py
    tests/engine/tasks/test_concurrency_limits.py tests/engine/tasks/test_listing.py tests/engine/tasks/test_submission.py
"

if [ "${1:-}" != inside ]; then
    for tool in npm node java unshare ip; do
        command -v $tool >/dev/null || cannot "needs $tool, which is not on this machine"
    done
    unshare --net --map-root-user true 2>/dev/null || cannot "may not make a network of its own on this machine"
    [ -f $EMULATOR/DynamoDBLocal.jar ] || npm install --silent --ignore-scripts --no-audit --no-fund \
        --prefix $HOME_OF_BOTH dynalite@4.0.0 amplify-dynamodb-simulator@2.9.30 || cannot "got no packages from npm"
    exec unshare --net --map-root-user env BIN="$BIN" sh tests/dynalite.sh inside "${1:-}"
fi

ip link set lo up
node $HOME_OF_BOTH/node_modules/dynalite/cli.js --host 127.0.0.1 --port $DYNALITE_PORT \
    --createTableMs 0 --deleteTableMs 0 >/dev/null &
servers=$!
(cd $EMULATOR && exec java -Djava.library.path=DynamoDBLocal_lib \
    -jar DynamoDBLocal.jar -inMemory -sharedDb -disableTelemetry -port $LOCAL_PORT >/dev/null 2>&1) &
servers="$servers $!"
trap 'kill $servers' EXIT
for port in $DYNALITE_PORT $LOCAL_PORT; do
    timeout 30 "$BIN/python" -c "
import socket, sys, time
while socket.socket().connect_ex(('127.0.0.1', $port)):
    time.sleep(0.1)"
done

run() { # <endpoint's port> <tests>...
    port=$1
    shift
    AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:$port "$BIN/python" -m pytest -p no:cacheprovider "$@"
}
if [ "${2:-}" = quick ]; then
    echo "DynamoDB Local: what tells most"
    run $LOCAL_PORT $QUICK
    exit
fi
echo "dynalite: conditional writes of one item, from eight threads"
run $DYNALITE_PORT tests/engine/security/test_rate_limits.py -k "eight_threads or one_by_one or apart"
echo "DynamoDB Local: everything"
run $LOCAL_PORT tests/engine tests/simulation/test_seeds.py
