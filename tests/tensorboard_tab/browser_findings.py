"""Findings for the browser tests: one of every kind of evidence, about a payload's own layers and samples."""

SLICED = {"measure": "sliced_wasserstein", "homology_dim": 1}


def finding(kind, question, statement, view=None, *, layers=(), numbers=None, rule="", level=0.05, is_alert=False):
    """A finding as a payload holds it."""
    evidence = {"rule": rule, "numbers": numbers or {}, "view": view}
    return {
        "kind": kind,
        "question": question,
        "layers": list(layers),
        "statement": statement,
        "level": level,
        "is_alert": is_alert,
        "evidence": evidence,
    }


def per_layer(layers, *values):
    return [{"layer": layer, "value": value} for layer, value in zip(layers, values, strict=False)]


def settled(layers, step):
    return finding(
        "settled",
        "Which layers have settled?",
        f"{layers[0]} and {layers[1]} have settled since step {step}: no later step moved them beyond noise.",
        {"kind": "curve", **SLICED, "quantity": "drift", "layers": list(layers[:2])},
        layers=layers[:2],
        rule="Said of a layer whose drift since the previous step was not told apart from noise at the last 3 steps.",
        numbers={
            "steps without drift beyond noise": 3,
            "drift over its noise": per_layer(layers[:2], 0.81, 0.92),
            "p-value": per_layer(layers[:2], 0.41, None),
        },
    )


def not_a_number(layers):
    return finding(
        "not_finite",
        "Are there NaN or infinite activations?",
        f"{layers[-1]} holds NaN in 3 of 512 samples.",
        layers=layers[-1:],
        rule="Said of every layer with a sample that holds NaN or infinity.",
        numbers={"samples with NaN": per_layer(layers[-1:], 3), "first seen": "step 126"},
        level=0,
        is_alert=True,
    )


def redundant(layers):
    return finding(
        "redundant",
        "Which layers are redundant?",
        f"{layers[1]} and {layers[2]} arrange the samples alike: their distance is not told apart from noise.",
        {"kind": "heatmap", **SLICED, "layers": [layers[1], layers[2]]},
        layers=layers[1:3],
        rule="Said of neighbouring layers whose distance is not told apart from noise (p > 0.05) and small.",
        numbers={"distance over noise": 1.12, "p": 0.37},
    )


def separation(layers):
    return finding(
        "separation",
        "At which depth do classes separate?",
        f"Classes separate between {layers[0]} and {layers[3]}: the share of pure nodes grows from 0.31 to 0.87.",
        {"kind": "graph", "layer": layers[3]},
        layers=layers,
        rule="Said where the majority share grows by more than twice its standard error.",
        numbers={"majority share": per_layer(layers, 0.31, 0.42, 0.55, 0.87, 0.88)},
    )


def persistence(layers):
    return finding(
        "persistence",
        "Which layers collapse?",
        f"The total persistence of {layers[4]} has fallen by half since step 63.",
        {
            "kind": "curve",
            "measure": "total_persistence",
            "homology_dim": 1,
            "quantity": "value",
            "layers": [layers[4]],
        },
        layers=layers[4:],
    )


def suspects(payload, layer, count=20, n_samples=1304):
    """Samples among neighbours of another class; the last one is not among the measured samples."""
    ids, labels, classes = payload["sample_ids"], payload["labels"], payload["classes"]
    positions = [(7 * k) % len(ids) for k in range(count - 1)]
    samples = [
        {
            "id": ids[at],
            "label": str(classes[labels[at]]) if labels else None,
            "neighbours": [ids[(at + 3 * k + 1) % len(ids)] for k in range(10)],
            "note": f"{10 - i % 3} of 10 neighbours are {classes[(labels[at] + 1) % len(classes)] if labels else '?'}",
        }
        for i, at in enumerate(positions)
    ]
    samples.append({"id": 999_999, "label": "3", "neighbours": [999_998, ids[0]], "note": "it was measured before"})
    return finding(
        "suspects",
        "Which samples have neighbours that carry another label?",
        f"In {layer}, {n_samples:,} samples lie among samples of another class: their labels may be wrong.",
        {"kind": "samples", "layer": layer, "samples": samples, "n_samples": n_samples},
        layers=[layer],
        rule="Said of a sample of whose 10 nearest neighbours at least 8 carry one other label.",
        numbers={"expected by chance": 0.4},
    )


def findings_of(payload):
    """The findings of one payload: six, of all kinds of evidence, with the alert in the midst."""
    layers = payload["layers"]
    return [
        settled(layers, 189),
        redundant(layers),
        not_a_number(layers),
        separation(layers),
        suspects(payload, layers[-1]),
        persistence(layers),
    ]
