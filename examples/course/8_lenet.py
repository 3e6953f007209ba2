# %% [markdown]
# # 8. LeNet
#
# Convolutions and pools, then affine layers. Here it learns bars at one of four places, with noise, in a few seconds; examples/lenet_mnist.py
# trains the whole network on digits.

# %%
import numpy as np

import graphc as g
from graphc import nn, train

rng = np.random.default_rng(0)
kinds = rng.integers(0, 4, 400)
pixels = 0.3 * rng.normal(size=(400, 1, 12, 12))
for picture, kind in zip(pixels[:, 0], kinds, strict=True):
    picture[1 + 3 * kind : 3 + 3 * kind] += 0.7
images, labels = g.symbol("images", shape=("n", 1, 12, 12)), g.symbol("labels", shape="n", dtype="int64")
layers = nn.Sequential(nn.Conv2d(4, 3), nn.ReLU, nn.MaxPool2d(2), nn.Flatten(), nn.Affine(16), nn.ReLU, nn.Affine(4))
model = nn.Model(layers, images, seed=0)
print(model.summary())

# %%
data = {images: pixels[:300], labels: kinds[:300]}
history = train.fit(model, nn.cross_entropy(model.output, labels), data, optimiser=train.Adam(0.01), epochs=6, batch=30)
print(np.mean(model.predict(pixels[300:]).argmax(1) == kinds[300:]))
g.draw(model.output, backward=False, collapse=True)

# %% [markdown]
# ## Exercise 1
# How many parameters has the first convolution of LeNet on digits: 6 channels, 5×5, one channel in?

# %% exercise
count = None
# solution: count = 6 * 5 * 5 + 6
digits = g.symbol("digits", shape=("n", 1, 28, 28))
check(
    lambda: count == sum(v.size for v in nn.Model(nn.Conv2d(6, 5), digits).values.values()),
    "25 weights and a bias for each channel",
)

# %% [markdown]
# ## Exercise 2
# Which share of the parameters of `model` is in its first affine layer?

# %% exercise
share = None
# solution: share = (100 * 16 + 16) / sum(v.size for v in model.values.values())
check(
    lambda: np.isclose(
        share,
        sum(v.size for k, v in model.values.items() if k.startswith("affine1"))
        / sum(v.size for v in model.values.values()),
    ),
    "the summary above has the numbers",
)
