"""A plain PyTorch training loop with the losses, augmentation and averaging of a recipe."""

import copy
import time

import numpy as np
import torch
from plain.torch_networks import build
from torch.nn.functional import pad, softplus
from torch.utils.data import DataLoader, TensorDataset

from ufgen.gan.networks.build import noise_size
from ufgen.gan.training.adversarial_gradients import DIFFERENCE
from ufgen.gan.training.diffaugment import CUTOUT, SHIFT


class Loop:
    """`run(steps)` trains in float32: the discriminator's update, then the generator's."""

    def __init__(self, recipe, pixels: np.ndarray, labels: np.ndarray):
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.generator, self.discriminator = build(recipe, int(labels.max()) + 1)
        self.ema_generator = copy.deepcopy(self.generator).requires_grad_(False)
        betas = recipe.beta1, recipe.beta2
        self.generator_optimizer = torch.optim.Adam(
            self.generator.parameters(), recipe.generator_learning_rate, betas
        )
        self.discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), recipe.discriminator_learning_rate, betas
        )
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        data = TensorDataset(images, torch.from_numpy(labels).long())
        self.loader = DataLoader(data, recipe.batch, shuffle=True, drop_last=True)
        self.steps = 0

    def parameters(self) -> tuple[int, int]:
        networks = self.generator, self.discriminator
        return tuple(sum(p.numel() for p in network.parameters()) for network in networks)

    def run(self, steps: int) -> float:
        done = 0
        while done < steps:
            for real, labels in self.loader:
                loss = self.step(real, labels)
                done += 1
                if done == steps:
                    break
        float(loss)
        return time.perf_counter()

    def step(self, real, labels):
        recipe, count = self.recipe, len(real)
        flipped = torch.rand(count, 1, 1, 1) < 0.5 if recipe.flip else torch.zeros(())
        real = torch.where(flipped.bool(), real.flip(3), real)
        latents = torch.randn(count, recipe.latent_dim)
        fake = self.generator(latents, labels, torch.randn(count, noise_size(recipe)))
        seen = self.augment(real), self.augment(fake.detach())
        logits = [self.discriminator(images, labels) for images in seen]
        self.discriminator_optimizer.zero_grad()
        loss = self.discriminator_loss(*logits) + self.penalty(seen, labels)
        loss.backward()
        self.discriminator_optimizer.step()
        self.generator_optimizer.zero_grad()
        judged = self.discriminator(self.augment(fake), labels)
        if recipe.loss == "relativistic":
            with torch.no_grad():
                reference = self.discriminator(seen[0], labels)
            generator_loss = softplus(reference - judged).mean()
        else:
            generator_loss = softplus(-judged).mean()
        generator_loss.backward(inputs=list(self.generator.parameters()))
        self.generator_optimizer.step()
        with torch.no_grad():
            for mean, new in zip(
                self.ema_generator.parameters(), self.generator.parameters(), strict=True
            ):
                mean.lerp_(new, 0.01)
        self.steps += 1
        return loss.detach()

    def discriminator_loss(self, real, fake):
        if self.recipe.loss == "relativistic":
            return softplus(fake - real).mean()
        return softplus(-real).mean() + softplus(fake).mean()

    def penalty(self, seen, labels):
        recipe = self.recipe
        if self.steps % recipe.penalty_every or not recipe.r1 + recipe.r2:
            return 0.0
        return recipe.penalty_every * sum(
            weight * self.roughness(images, labels)
            for weight, images in zip((recipe.r1, recipe.r2), seen, strict=True)
            if weight
        )

    def roughness(self, images, labels):
        if self.recipe.penalty == "exact":
            images = images.detach().requires_grad_()
            logits = self.discriminator(images, labels).sum()
            (slope,) = torch.autograd.grad(logits, images, create_graph=True)
            return 0.5 * slope.square().sum((1, 2, 3)).mean()
        moved = self.discriminator(images + DIFFERENCE * torch.randn_like(images), labels)
        change = (moved - self.discriminator(images, labels)) / DIFFERENCE
        return 0.5 * change.square().mean()

    def augment(self, images):
        names, (count, _, size, _) = self.recipe.diffaugment, images.shape
        if "brightness" in names:
            images = images + 0.6 * torch.rand(count, 1, 1, 1) - 0.3
        if "contrast" in names:
            mean = images.mean((1, 2, 3), keepdim=True)
            images = images + (images - mean) * (0.6 * torch.rand(count, 1, 1, 1) - 0.3)
        if "translation" in names:
            reach = round(size * SHIFT)
            images = pad(images, [reach] * 4, value=-1.0)
            rows = torch.arange(size) + torch.randint(0, 2 * reach + 1, (count, 1))
            columns = torch.arange(size) + torch.randint(0, 2 * reach + 1, (count, 1))
            which = torch.arange(count)[:, None, None]
            images = images[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        if "cutout" in names:
            line = torch.arange(size)
            rows = (line - size * torch.rand(count, 1)).abs() < size * CUTOUT / 2
            columns = (line - size * torch.rand(count, 1)).abs() < size * CUTOUT / 2
            hidden = rows[:, None, :, None] & columns[:, None, None, :]
            images = images.masked_fill(hidden, -1.0)
        return images
