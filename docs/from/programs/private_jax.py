"""Logistic regression with clipped gradients of each example, as differential privacy asks for them, by JAX."""

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)
rng = np.random.default_rng(1)
X = rng.normal(size=(200, 5))
y = np.where(X @ [1.0, -2.0, 0.5, 0.0, 1.0] + 0.3 * rng.normal(size=200) > 0, 1.0, -1.0)


def loss(w, x, target):
    return jax.nn.softplus(-target * (x @ w))


@jax.jit
def step(w, X, y):
    values, gradients = jax.vmap(jax.value_and_grad(loss), in_axes=(None, 0, 0))(w, X, y)
    norms = jnp.linalg.norm(gradients, axis=1, keepdims=True)
    clipped = gradients * jnp.minimum(1.0, 0.5 / norms)
    return w - 0.5 * clipped.mean(0), values.mean()


def run():
    w, losses = jnp.zeros(5), []
    for _ in range(50):
        w, value = step(w, X, y)
        losses.append(float(value))
    return {"w": np.asarray(w), "losses": losses}
