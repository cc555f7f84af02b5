"""Everyday words that are no label of every engine, and the labels that are nearest in meaning.

An error about an unknown label offers these first. They are no aliases: a taxi is a car, but not every car is a taxi.
"""

RELATED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("taxi", "taxicab", "cab", "limousine", "convertible", "jeep"), ("car",)),
    **dict.fromkeys(("van", "minivan", "pickup", "pickup truck"), ("car", "truck")),
    **dict.fromkeys(("ambulance", "fire engine", "fire truck", "tractor", "garbage truck"), ("truck",)),
    **dict.fromkeys(("minibus", "school bus", "trolleybus"), ("bus",)),
    **dict.fromkeys(("tram", "streetcar", "locomotive", "subway"), ("train",)),
    **dict.fromkeys(("scooter", "moped"), ("motorcycle",)),
    **dict.fromkeys(("sailboat", "yacht", "ferry", "canoe", "kayak", "speedboat"), ("boat", "yawl boat")),
    **dict.fromkeys(("helicopter", "airliner"), ("airplane",)),
    **dict.fromkeys(("lion", "tiger", "leopard", "kitty"), ("cat",)),
    **dict.fromkeys(("wolf", "fox", "poodle"), ("dog",)),
    **dict.fromkeys(("donkey", "mule", "foal"), ("horse",)),
    **dict.fromkeys(("goat", "ram"), ("sheep",)),
    **dict.fromkeys(("bull", "ox", "calf", "buffalo"), ("cow",)),
    **dict.fromkeys(("duck", "eagle", "chicken", "penguin", "pigeon"), ("bird",)),
    **dict.fromkeys(("baby", "player", "driver", "face"), ("person",)),
    **dict.fromkeys(("plant", "flower", "tree"), ("potted plant",)),
    **dict.fromkeys(("armchair", "stool", "rocking chair"), ("chair",)),
    "desk": ("dining table",),
    **dict.fromkeys(("monitor", "screen", "display"), ("tv", "laptop")),
    "computer": ("laptop",),
    **dict.fromkeys(("glass", "goblet"), ("wine glass", "cup")),
    "stove": ("oven",),
    "watch": ("clock",),
    "burger": ("sandwich",),
    "signal": ("traffic light",),
    **dict.fromkeys(("road sign", "street sign"), ("stop sign",)),
}
