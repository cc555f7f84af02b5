#!/bin/sh
# The engine's tests on other implementations of DynamoDB than moto. Dynalite knows neither TransactWriteItems nor
# streams, without which no task is ever leased, so it gets the conditional writes of one item. Everything runs on
# Amazon's own DynamoDB Local, which the npm package amplify-dynamodb-simulator brings along.
#
# DynamoDB Local listens on every address of the machine and cannot be told otherwise: so it gets a network of its own,
# with nothing in it but a loopback interface, and the tests run in there with it.
set -eu
cd "$(dirname "$0")/.."
BIN=${BIN:-.venv/bin}
HOME_OF_BOTH=build/dynamodb
DYNALITE_PORT=4567 LOCAL_PORT=8000

if [ "${1:-}" != inside ]; then
    for tool in npm node java unshare ip; do
        command -v $tool >/dev/null || { echo "test-dynalite needs $tool, which is not on this machine" >&2; exit 1; }
    done
    [ -d $HOME_OF_BOTH/node_modules ] || npm install --silent --ignore-scripts --no-audit --no-fund \
        --prefix $HOME_OF_BOTH dynalite@4.0.0 amplify-dynamodb-simulator@2.9.30
    exec unshare --net --map-root-user env BIN="$BIN" sh tests/dynalite.sh inside
fi

ip link set lo up
node $HOME_OF_BOTH/node_modules/dynalite/cli.js --host 127.0.0.1 --port $DYNALITE_PORT \
    --createTableMs 0 --deleteTableMs 0 >/dev/null &
servers=$!
(cd $HOME_OF_BOTH/node_modules/amplify-dynamodb-simulator/emulator && exec java -Djava.library.path=DynamoDBLocal_lib \
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
echo "dynalite: conditional writes of one item, from eight threads"
run $DYNALITE_PORT tests/engine/test_limits.py -k "eight_threads or one_by_one or apart"
echo "DynamoDB Local: everything"
run $LOCAL_PORT tests/engine tests/simulation/test_seeds.py
