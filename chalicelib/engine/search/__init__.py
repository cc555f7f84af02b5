"""The index of the managed pools: it is kept up to date by the relay and searched by the API."""
