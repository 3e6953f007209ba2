"""Makes the index of the lectures: docs/lectures.md, a picture for each topic with its script and its player, and docs/lectures/.

Run: python docs/make_lectures.py [names of examples]     runs these examples, or all, and keeps small copies of their figures
     python docs/make_lectures.py --figures DIR           takes the figures from DIR/<name of example>/, made before
     python docs/make_lectures.py --page                  writes the page alone

A test holds that the page is current, that every example is on it, and that every picture and player is there.
"""

from __future__ import annotations

import argparse
import ast
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES, PAGE, FOLDER = ROOT / "examples", ROOT / "docs" / "lectures.md", ROOT / "docs" / "lectures"
WIDTH = 720


class Topic(NamedTuple):
    """A topic of the slides: its script, its figure and, where there is one, the page to play with.

    figure : a file that the script writes, or another one that shows the same; by default named like the script
    player : a page that the script writes, or one of the gallery, as ../gallery/sum_times.html
    claim : what the script shows; by default the first line of its docstring
    """

    title: str
    script: str
    figure: str = ""
    player: str = ""
    claim: str = ""

    @property
    def picture(self) -> str:
        return f"{Path(self.figure or self.script).stem}.png"

    @property
    def files(self) -> list[str]:
        """What docs/lectures/ holds of it."""
        return [self.picture, *([self.player] if self.player and "/" not in self.player else [])]

    @property
    def text(self) -> str:
        if self.claim:
            return self.claim
        docstring = ast.get_docstring(ast.parse((EXAMPLES / f"{self.script}.py").read_text(encoding="utf-8")))
        return (docstring or "").partition("\n")[0]


T = Topic
LECTURES: dict[str, tuple[Topic, ...]] = {
    "Graphs and derivatives": (
        T("Forward and backward pass", "sum_times", player="../gallery/sum_times.html"),
        T("The log-sigmoid loss", "log_sigmoid", player="../gallery/log_sigmoid.html"),
        T("Backpropagation as a loop; topological numbers", "least_squares_1d", player="../gallery/least_squares.html"),
        T("Jacobians", "jacobians"),
        T("The derivative of ReLU at 0, ties of a maximum", "kinks_and_ties"),
        T("Perceptron and linear layer", "linear_layer"),
        T("Affine, unary and binary layers", "layers_beside_loops", player="layers_beside_loops.html"),
        T("Scalars, vectors, matrices", "notation", "notation_scalars.png"),
        T("… the same network in matrices", "notation", "notation_matrices.png", claim="Eleven nodes in place of 36."),
    ),
    "Linear models and losses": (
        T("Linear regression", "linear_regression"),
        T("The loss surface over the weights", "loss_surface", player="loss_surface.html"),
        T("Hinge and logistic loss", "linear_classifier"),
        T("Templates of the digits", "linear_classifier", "linear_templates.png", claim="What each class is compared with."),
        T("Softmax and negative log-likelihood", "softmax_nll", "softmax_nll_tables.png", "softmax_nll.html"),
        T("… as a graph", "softmax_nll", "softmax_nll.png", claim="The same table of scores, forwards and backwards."),
    ),
    "Shallow networks": (
        T("A shallow network taken apart", "shallow_network"),
        T("Two outputs share the joints", "shallow_network", "shallow_two_outputs.png", claim="Of four hidden units."),
        T("Two inputs: regions are polygons", "shallow_network", "shallow_two_inputs.png", claim="Three lines, 7 regions."),
        T("Two inputs, two outputs", "shallow_network", "shallow_two_inputs_two_outputs.png",
          claim="The lines are shared; a weight of 0 takes one from an output."),
        T("Activations", "activations"),
        T("XOR", "xor"),
        T("What layers do to the plane", "space_warping"),
        T("Hidden layers make classes separable", "representation", "representation_trained.png"),
        T("Random layers bend a grid", "representation", "representation_warped.png", claim="Five layers of two tanh units."),
        T("A playground", "playground", "playground_spirals_deep.png", "playground_spirals_deep.html"),
        T("… whose weights can be edited", "playground_weights", player="playground_weights.html"),
        T("… that is trained in the page", "plane", player="plane.html"),  # its picture is a photograph of the page
    ),
    "What networks can say": (
        T("More units, less error", "universal_approximation", "universal_units.png"),
        T("Boxes of rectified linear units", "universal_approximation", "universal_boxes.png", claim="Four units make a box."),
        T("Random search beside gradient descent", "universal_approximation", "universal_search.png",
          claim="As many evaluations of the loss for each."),
        T("Sigmoids as universal approximators", "sigmoid_approximation"),
        T("Approximation error over units and examples", "approximation_and_samples"),
        T("Boolean functions, polygons", "boolean_functions", "boolean_polygons.png"),
        T("How many Boolean functions, how many units", "counting_boolean_functions"),
        T("What training on examples does not find", "boolean_functions", "boolean_failures.png",
          claim="Parity, products of large numbers, inverses: learned by heart, not as a rule."),
        T("Parity: gradients without signal", "parity_gradients"),
    ),
    "Depth": (
        T("Networks put into each other", "composing_networks"),
        T("… in two dimensions", "composing_networks", "composing_two_dimensions.png", claim="Folds of the plane."),
        T("… with joints to drag", "composed_networks", "composing_networks.png", "composed_networks.html"),
        T("Teeth that double with every layer", "benefits_of_depth", "depth_teeth.png"),
        T("Regions within reach", "benefits_of_depth", "depth_regions.png", claim="By parameters, for one to five layers."),
        T("Regions of random networks", "benefits_of_depth", "depth_random_networks.png", claim="Counted exactly along a line."),
        T("One layer beside two", "benefits_of_depth", "depth_one_and_two_layers.png", claim="As many units, the best of eight."),
        T("Teacher and students", "benefits_of_depth", "depth_teacher_and_students.png", claim="A wider student finds more."),
        T("A network of K layers as one formula", "mlp", player="../gallery/perceptron_open.html"),
        T("Depth and random labels", "mnist1d_depth",
          claim="Four networks of one size learn random labels by heart; [the full run](curves/README.md) takes hours."),
        T("Initialisation", "initialisation"),
        T("Gradients by depth, residuals, normalisation", "gradients_by_depth"),
    ),
    "Training": (
        T("The network that every course writes by hand", "two_layer_numpy"),
        T("Gradients of mini-batches", "minibatch_gradients"),
        T("Optimisers on one surface", "optimisers"),
        T("Fixed, halved and too large rates", "learning_rates"),
        T("Local minima and restarts", "local_minima"),
        T("Hyperparameters", "hyperparameter_search"),
    ),
    "Generalisation": (
        T("Risk, bias and variance", "bias_and_variance"),
        T("Double descent", "double_descent"),
        T("Random labels, shuffled pixels, noise", "random_labels"),
        T("Examples over the dimension", "sample_complexity"),
        T("L2, dropout, batch normalisation", "regularisation"),
        T("Early stopping", "early_stopping"),
        T("Data augmentation", "data_augmentation"),
        T("k-fold validation", "cross_validation"),
        T("Weights by sampling, a posterior of functions", "posterior_of_functions"),
        T("Posteriors with gradients", "hamiltonian_monte_carlo"),
    ),
    "Convolutional networks": (
        T("Im2Col", "im2col"),
        T("The 1×1 reduction layer", "reduction_layer"),
        T("Residual and inception blocks", "residual_and_inception", player="../gallery/residual.html"),
        T("LeNet on handwritten digits", "lenet_mnist", "lenet_confusion.png"),
        T("… its kernels", "lenet_mnist", "lenet_kernels.png", claim="The 20 kernels of the first convolution, as learned."),
        T("… and its errors", "lenet_mnist", "lenet_misclassified.png", claim="What is written, and what it answered."),
        T("What a kernel answers to", "kernel_answers"),
        T("AlexNet, VGG-16, GoogLeNet, ResNet-34", "famous_networks", "famous_networks_blocks.png"),
        T("… parameters and operations", "famous_networks", "famous_networks.png", claim="Counted from the graph."),
        T("Autoencoder and compression", "autoencoder"),
    ),
    "Beyond the slides": (
        T("A text model", "text_model"),
        T("Newton's fractal", "newton_fractal"),
        T("The logistic map", "logistic_map"),
        T("Predators and prey", "lotka_volterra"),
        T("A double pendulum", "double_pendulum"),
        T("A Kalman filter", "kalman_filter"),
    ),
}  # fmt: skip

WITHOUT_A_FIGURE = ("error_bars", "sampling_posteriors")
"""Examples that print and draw nothing."""


def page() -> str:
    """The text of docs/lectures.md."""
    topics = [topic for listed in LECTURES.values() for topic in listed]
    scripts = {topic.script for topic in topics}
    lines = [
        "# The lectures, an index of pictures", "",
        f"{len(topics)} pictures, and the {len(scripts)} scripts that draw them and assert what they show:",
        "", "```sh", "python examples/xor.py figures", "```", "",
        "A *player* is a page that needs no server: step through the passes, drag points and sliders. The pictures here are",
        "small copies; `python docs/make_lectures.py` makes them anew.", "",
    ]  # fmt: skip
    lines += [f"- [{heading}](#{anchor(heading)})" for heading in LECTURES] + [""]
    for heading, listed in LECTURES.items():
        lines += [f"## {heading}", "", "| topic | picture |", "| --- | --- |"]
        for topic in listed:
            links = f"[{topic.script}.py](../examples/{topic.script}.py)"
            if topic.player:
                path = topic.player.removeprefix("../") if "/" in topic.player else f"lectures/{topic.player}"
                links += f", [player]({path})"
            text = topic.text.replace("|", "\\|")
            lines.append(
                f"| **{topic.title}** <br> {text} <br> {links} | ![{topic.title}](lectures/{topic.picture}) |"
            )
        lines.append("")
    assert scripts.isdisjoint(WITHOUT_A_FIGURE)
    listed = ", ".join(f"[{name}.py](../examples/{name}.py)" for name in WITHOUT_A_FIGURE)
    lines += [f"Without a picture: {listed}.", ""]
    return "\n".join(lines)


def anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def small_copy(source: Path, target: Path) -> None:
    """At most WIDTH pixels wide, in 256 colours spread over all that there are: a thin line keeps its own."""
    picture = Image.open(source).convert("RGB")
    picture.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
    picture.quantize(256, Image.Quantize.FASTOCTREE).save(target, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="examples to run; by default all")
    parser.add_argument("--figures", type=Path, help="where figures were made before")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    options = parser.parse_args()
    PAGE.write_text(page(), encoding="utf-8")
    if options.page:
        return
    FOLDER.mkdir(exist_ok=True)
    topics = [topic for listed in LECTURES.values() for topic in listed]
    names = options.names or sorted({topic.script for topic in topics})
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.figures or Path(scratch)
        for name in names:
            if options.figures is None:
                subprocess.run([sys.executable, EXAMPLES / f"{name}.py", folder / name], check=True)
            for topic in topics:
                for file in topic.files:
                    source = folder / name / file
                    if source.exists() and source.suffix == ".html":
                        shutil.copy(source, FOLDER / file)
                    elif source.exists():
                        small_copy(source, FOLDER / file)


if __name__ == "__main__":
    main()
