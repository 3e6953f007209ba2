# %% [markdown]
# # 7. Convolution
#
# **What this hour is about.** A kernel slides over an image and answers at every place: few weights, used everywhere. You will see what a kernel answers
# to, compute the sizes that come out, write a convolution as a product of matrices (im2col), and look at what a pool does, forwards and
# backwards.

# %%
import matplotlib.pyplot as plt
import numpy as np

import graphc as g

image, kernel = g.symbol("image", shape=("n", 1, 6, 6)), g.symbol("kernel", shape=(2, 1, 3, 3))
convolved = g.conv2d(image, kernel)
print(convolved.shape)

# %% [markdown]
# A batch of n images with one channel of 6×6, and two kernels of 3×3: two channels of 4×4 come out, because a window of 3 fits into 6 at
# 4 places. (As in all libraries for networks, the kernel is not turned round: strictly it is a correlation.)
#
# ## What kernels answer to

# %%
picture = np.zeros((20, 20))
picture[5:15, 5:15] = 1.0
picture[8:12, 8:12] = 0.3
kernels = {
    "edges, left to right": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "edges, top to bottom": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "blur": [[1 / 9] * 3] * 3,
}
any_image, one_kernel = g.symbol("any_image", shape=("n", 1, "h", "w")), g.symbol("one_kernel", shape=(1, 1, 3, 3))
answer = g.compile(g.conv2d(any_image, one_kernel, padding=1), [any_image, one_kernel])
figure, axes = plt.subplots(1, 4, figsize=(11, 3))
axes[0].imshow(picture, cmap="gray")
axes[0].set_title("image")
for axis, (name, values) in zip(axes[1:], kernels.items(), strict=True):
    axis.imshow(answer(picture[None, None], np.array(values, dtype=float)[None, None])[0, 0], cmap="PuOr")
    axis.set_title(name)
for axis in axes:
    axis.set_axis_off()

# %% [markdown]
# ## Exercise 1
# Find a kernel of 3×3 that moves the image one pixel to the right (with a padding of 1): out[i, j] = image[i, j − 1].

# %% exercise
mover = None
# solution: mover = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0]])
check(
    lambda: np.allclose(answer(picture[None, None], np.array(mover, dtype=float)[None, None])[0, 0][:, 1:], picture[:, :-1]),
    "a single 1; the window's middle is at (i, j)",
)

# %% [markdown]
# ## Sizes
#
# A side of n, a kernel of k, a padding of p on both sides and a stride of s give ⌊(n + 2p − k)/s⌋ + 1 places.
#
# ## Exercise 2
# Write that as a Python function `places(n, k, p, s)`, and give the side that comes out when 28×28 goes through a kernel of 5×5 with a padding
# of 2 and a stride of 1, and then through a pool of 2×2.

# %% exercise
places, side = None, None
# solution: places, side = lambda n, k, p, s: (n + 2 * p - k) // s + 1, 14
check(
    lambda: all(
        g.conv2d(g.zeros((1, 1, n, n)), g.zeros((1, 1, k, k)), s, p).shape[-1] == places(n, k, p, s)
        for n, k, p, s in ((28, 5, 0, 1), (28, 5, 2, 2), (7, 3, 1, 2))
    ) and g.max_pool2d(g.conv2d(g.zeros((1, 1, 28, 28)), g.zeros((1, 1, 5, 5)), padding=2), 2).shape == (1, 1, side, side),
    "(28 + 2·2 − 5)/1 + 1, and half of it",
)

# %% [markdown]
# ## Im2Col: a convolution is a product
#
# Put every window into a column; then all answers of a kernel are one row times that matrix. This is how most libraries compute a convolution,
# because products of matrices are what processors are best at.

# %%
columns = g.im2col(image, (3, 3))
print(columns.shape, "9 numbers in a window, 16 windows")

# %% [markdown]
# ## Exercise 3
# Write the convolution as a product of the kernel, reshaped, with `columns`.

# %% exercise
product = None
# solution: product = g.reshape(g.reshape(kernel, (2, 9)) @ columns, convolved.shape)
rng = np.random.default_rng(0)
check(
    lambda: np.allclose(
        *g.evaluate([product, convolved], {image: rng.normal(size=(2, 1, 6, 6)), kernel: rng.normal(size=(2, 1, 3, 3))})
    ),
    "(2, 9) @ (n, 9, 16)",
)

# %% [markdown]
# ## Exercise 4
# Weights are shared. How many has a convolution from 3 to 16 channels with kernels of 3×3 (without biases), and how many has an affine
# layer between the same numbers: from 3·32·32 to 16·32·32?

# %% exercise
of_convolution, of_affine = None, None
# solution: of_convolution, of_affine = 16 * 3 * 9, (3 * 32 * 32) * (16 * 32 * 32)
check(lambda: (of_convolution, of_affine) == (432, 50_331_648), "each output channel has a kernel for each input channel")

# %% [markdown]
# ## Pools
#
# A pool of 2×2 keeps the largest (or the mean) of four neighbours, and halves both sides. Backwards, a maximum hands everything to the one
# that was largest; a mean hands a quarter to each.

# %%
small = g.symbol("small", shape=(1, 1, 4, 4))
values = np.array([[1.0, 5, 2, 0], [3, 4, 1, 6], [0, 0, 7, 7], [9, 1, 2, 3]])[None, None]
print(g.evaluate(g.max_pool2d(small, 2), {small: values})[0, 0])
print(g.evaluate(g.grad(g.sum(g.max_pool2d(small, 2)), small), {small: values})[0, 0])

# %% [markdown]
# In the window below on the right there are two sevens. Any split between them would be a subgradient; graphc gives each a half, so that a picture and
# its mirror image are treated alike.
#
# ## Exercise 5
# What does the gradient of the sum of a *mean* pool of 2×2 hold, at every one of the 16 places?

# %% exercise
everywhere = None
# solution: everywhere = 0.25
check(
    lambda: np.allclose(everywhere, g.evaluate(g.grad(g.sum(g.avg_pool2d(small, 2)), small), {small: values})),
    "each number is in one window, as one of four",
)

# %% [markdown]
# ## Exercise 6
# Two convolutions of 3×3, one after the other: how wide is the window of the image that one number of the result depends on? And three?

# %% exercise
two, three = None, None
# solution: two, three = 5, 7
def reach(layers):
    """Counted from the gradient: where it is not 0."""
    z = g.symbol("z", shape=(1, 1, 15, 15))
    out = z
    for _ in range(layers):
        out = g.conv2d(out, np.ones((1, 1, 3, 3)), padding=1)
    return int((g.evaluate(g.grad(out[0, 0, 7, 7], z), {z: np.ones((1, 1, 15, 15))})[0, 0, 7] != 0).sum())


check(lambda: (two, three) == (reach(2), reach(3)), "each layer adds one pixel on both sides")

# %% [markdown]
# ## What to remember
#
# - A convolution is an affine layer with few weights, used at every place.
# - ⌊(n + 2p − k)/s⌋ + 1 places; im2col makes it a product of matrices.
# - A maximum sends the gradient to the winner; ties are shared.
