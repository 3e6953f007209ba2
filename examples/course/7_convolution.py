# %% [markdown]
# # 7. Convolution
#
# A kernel slides over an image. Each window is a column (im2col), and the convolution is a product of matrices.

# %%
import numpy as np

import graphc as g

image, kernel = g.symbol("image", shape=("n", 1, 6, 6)), g.symbol("kernel", shape=(2, 1, 3, 3))
convolved = g.conv2d(image, kernel)
columns = g.im2col(image, (3, 3))
print(convolved.shape, columns.shape)

# %% [markdown]
# ## Exercise 1
# An image of 28×28 goes through a kernel of 5×5 with a padding of 2 and a stride of 1, and a pool of 2×2. Which shape comes out?

# %% exercise
side = None
# solution: side = 14
check(
    lambda: g.max_pool2d(g.conv2d(g.zeros((1, 1, 28, 28)), g.zeros((1, 1, 5, 5)), padding=2), 2).shape == (1, 1, side, side),
    "(28 + 2·2 − 5)/1 + 1, and half of it",
)

# %% [markdown]
# ## Exercise 2
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
