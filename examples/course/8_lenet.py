# %% [markdown]
# # 8. LeNet
#
# **What this hour is about.** Convolutions and pools, then affine layers: the network that read handwritten digits in the 1990s. Here a small one learns bars at one
# of four places, with noise, in a few seconds; you will count its parameters, train it, look at what it learned and at what it
# gets wrong, and see that it does not know what it was not shown. `examples/lenet_mnist.py` trains the whole network on digits.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphc as g
from graphc import nn, train

rng = np.random.default_rng(0)


def bars(count, noise=0.3):
    """Images (count, 1, 12, 12) with a bar of two rows at one of four places, and which of them."""
    kinds = rng.integers(0, 4, count)
    pixels = noise * rng.normal(size=(count, 1, 12, 12))
    for picture, kind in zip(pixels[:, 0], kinds, strict=True):
        picture[1 + 3 * kind : 3 + 3 * kind] += 0.7
    return pixels, kinds


pixels, kinds = bars(400)
figure, axes = plt.subplots(1, 6, figsize=(11, 2.2))
for axis, picture, kind in zip(axes, pixels[:, 0], kinds, strict=False):
    axis.imshow(picture, cmap="gray_r")
    axis.set_title(f"class {kind}")
    axis.set_axis_off()

# %% [markdown]
# ## The layers
#
# A network is a list of layers. `summary` says what shape comes out of each, and how many parameters it has.

# %%
images, labels = g.symbol("images", shape=("n", 1, 12, 12)), g.symbol("labels", shape="n", dtype="int64")
layers = nn.Sequential(nn.Conv2d(4, 3), nn.ReLU, nn.MaxPool2d(2), nn.Flatten(), nn.Affine(16), nn.ReLU, nn.Affine(4))
model = nn.Model(layers, images, seed=0)
print(model.summary())

# %%
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

# %% [markdown]
# ## Training
#
# Mini-batches of 30, Adam, six epochs; a hundred images are never trained on. The loss of an untrained network should be about
# log 4 = 1.39: four classes, and no idea.

# %%
data = {images: pixels[:300], labels: kinds[:300]}
loss = nn.cross_entropy(model.output, labels)
print("before:", float(g.evaluate(loss, {**model.values, images: pixels[:300], labels: kinds[:300]})))
history = train.fit(model, loss, data, optimiser=train.Adam(0.01), epochs=6, batch=30)
figure, axis = plt.subplots(figsize=(7, 3))
axis.plot(history.series("epoch"), history.series("loss"), "o-")
axis.set(xlabel="epoch", ylabel="loss in training")

# %% [markdown]
# ## Exercise 3
# Which share of the hundred unseen images is right? `model.predict(pixels[300:])` has a row of scores for each.

# %% exercise
accuracy = None
# solution: accuracy = np.mean(model.predict(pixels[300:]).argmax(1) == kinds[300:])
check(
    lambda: accuracy > 0.8 and np.isclose(accuracy * 100, sum(np.argmax(row) == kind for row, kind in zip(model.predict(pixels[300:]), kinds[300:], strict=True))),
    "argmax of each row, compared with kinds[300:]",
)

# %% [markdown]
# ## Exercise 4
# A confusion matrix has at [i, j] how many images of class i were answered j. Fill `confusion` for the unseen images; its diagonal is what is right.

# %% exercise
answers = model.predict(pixels[300:]).argmax(1)
confusion = None
# solution: confusion = np.array([[np.sum((kinds[300:] == i) & (answers == j)) for j in range(4)] for i in range(4)])
check(
    lambda: np.sum(confusion) == 100 and np.trace(confusion) == np.sum(answers == kinds[300:])
    and np.array_equal(np.sum(confusion, axis=1), np.bincount(kinds[300:], minlength=4)),
    "np.sum((kinds[300:] == i) & (answers == j)) for each i and j",
)

# %% [markdown]
# ## What it learned
#
# The kernels of the first layer can be looked at. Bars are horizontal, so most kernels have become brighter or darker from top to bottom.

# %%
weights = model.values["conv1.weight"][:, 0]
figure, axes = plt.subplots(1, 4, figsize=(8, 2.2))
for axis, kernel in zip(axes, weights, strict=True):
    axis.imshow(kernel, cmap="PuOr", vmin=-np.abs(weights).max(), vmax=np.abs(weights).max())
    axis.set_axis_off()

# %% [markdown]
# ## Which pixels matter?
#
# The gradient of a score with respect to the *pixels* says where a small change would raise it. It costs what a step of training costs, and no
# new mathematics: pixels are inputs of the graph like weights.

# %%
score = model.output[0, 2]
saliency = g.evaluate(g.grad(score, images), {**model.values, images: pixels[kinds == 2][:1]})[0, 0]
figure, axis = plt.subplots(figsize=(3.2, 3))
axis.imshow(np.abs(saliency), cmap="gray_r")
axis.set(title="|∂ score of class 2 / ∂ pixel|", xticks=[])

# %% [markdown]
# ## Exercise 5
# Take the mean of |saliency| over each row of pixels. Which row matters most, and does it belong to the bar of class 2 (rows 7 and 8), or to a neighbour of it?

# %% exercise
row = None
# solution: row = int(np.abs(saliency).mean(axis=1).argmax())
check(lambda: row == int(np.argmax(np.mean(np.abs(saliency), axis=1))), "np.abs(saliency).mean(axis=1), and argmax of it")

# %% [markdown]
# ## Exercise 6
# What it was not shown: turn the unseen images by 90° (`np.rot90` over the last two axes) and measure the share that is right. Is it
# still better than a guess of one in four by much?

# %% exercise
turned = None
# solution: turned = np.mean(model.predict(np.ascontiguousarray(np.rot90(pixels[300:], axes=(2, 3)))).argmax(1) == kinds[300:])
check(
    lambda: np.isclose(turned, np.mean(model.predict(np.swapaxes(pixels[300:], 2, 3)[:, :, ::-1].copy()).argmax(1) == kinds[300:])),
    "model.predict of np.ascontiguousarray(np.rot90(pixels[300:], axes=(2, 3)))",
)

# %% [markdown]
# ## What to remember
#
# - Convolution and pool, twice, then affine layers: few weights see every place.
# - Look at the confusion matrix, at kernels, at gradients with respect to pixels; an accuracy alone says little.
# - A network knows what it was shown. Data augmentation (`examples/data_augmentation.py`) shows it more.
