"""A character model: learns to write like a text, one character after the other.

Each character has a vector, an LSTM (or GRU) reads them, and a linear layer says what comes next.
Training is truncated back-propagation through time: the text is cut into as many pieces as a batch
has rows, the state goes on from batch to batch, and gradients end at the batch, clipped by norm.
Prints the bits per character on the last tenth of the text, which isn't trained on, and a sample.

Any text will do; one that ships with Python is the reference of its language, 0.7 MB, an epoch of
which takes about ten seconds on two cores:

    python examples/char_model.py "$(python -c 'import pydoc_data.topics as t; print(t.__file__)')"

and a smaller one its licence:

    python examples/char_model.py "$(python -c \\
        'import sysconfig; print(sysconfig.get_path("stdlib"))')/LICENSE.txt"
"""

import argparse
import math
from pathlib import Path

import numpy as np

import fastnn


def sample(model, alphabet, length, temperature, seed) -> str:
    """A text of this length, drawn character by character: each is fed back in."""
    rng = np.random.default_rng(seed)
    embed, recurrent, _, read = model
    recurrent.reset_state()
    index, written = alphabet.index("\n" if "\n" in alphabet else alphabet[0]), []
    for _ in range(length):
        # One sequence of one step; the layer is stateful, so it goes on from the step before.
        state = recurrent.forward(embed.forward(np.array([[index]])))
        logits = read.forward(state)[0, 0].astype(np.float64) / temperature
        shares = np.exp(logits - logits.max())
        index = rng.choice(len(alphabet), p=shares / shares.sum())
        written.append(alphabet[index])
    recurrent.reset_state()
    return "".join(written)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("text", help="a text file, of some thousand characters at least")
    parser.add_argument("--cell", choices=["LSTM", "GRU"], default="LSTM")
    parser.add_argument("--units", type=int, default=192)
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=32, help="rows that are read side by side")
    parser.add_argument("--steps", type=int, default=64, help="characters until gradients end")
    parser.add_argument("--lr", type=float, default=0.004)
    parser.add_argument("--sample", type=int, default=500, help="characters to write")
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see it run")
    args = parser.parse_args()
    if args.quick:
        args.units, args.epochs, args.batch, args.steps, args.sample = 16, 2, 8, 16, 60

    text = Path(args.text).read_text(encoding="utf-8", errors="replace")
    alphabet = sorted(set(text))
    codes = {character: i for i, character in enumerate(alphabet)}
    ids = np.array([codes[character] for character in text])
    held = len(ids) // 10
    # A short text fills fewer rows: as many as leave ten batches to train on, and one to test.
    rows = max(1, min(args.batch, (len(ids) - held) // (10 * args.steps), held // args.steps))
    x, y = fastnn.data.stream_batches(ids[:-held], rows, args.steps)
    validation = fastnn.data.stream_batches(ids[-held:], rows, args.steps)
    print(f"{len(text):,} characters, {len(alphabet)} different ones; {rows} rows a batch")

    model = fastnn.Sequential(
        fastnn.Embedding(len(alphabet), 32),
        getattr(fastnn, args.cell)(
            32, args.units, args.layers, dropout=args.dropout, stateful=True
        ),
        fastnn.Dropout(args.dropout),
        fastnn.Linear(args.units, len(alphabet)),
        seed=args.seed,
    )
    trainer = fastnn.Trainer(
        model,
        fastnn.CrossEntropyLoss(),
        fastnn.Adam(clip_norm=1.0),
        schedule=fastnn.schedules.CosineDecay(args.lr, args.epochs * len(x) // rows),
        seed=args.seed,
    )
    history = trainer.fit(
        x, y, epochs=args.epochs, batch_size=rows, shuffle=False, validation=validation
    )
    for epoch, loss in enumerate(history["val_loss"], 1):
        print(f"epoch {epoch}: {loss / math.log(2):.3f} bits per character")
    shares = np.bincount(ids, minlength=len(alphabet)) / len(ids)
    entropy = -(shares * np.log2(shares)).sum()
    print(f"by how often characters come alone: {entropy:.3f} bits\n")
    print(sample(model, alphabet, args.sample, args.temperature, args.seed))


if __name__ == "__main__":
    main()
