"""The networks of `dcgan` and `residual` in plain PyTorch, channels first, for comparison."""

import torch
from torch import nn
from torch.nn import functional

from ufgen.gan.networks.dcgan import filters, noise_size, sides


def build(recipe, classes: int) -> tuple[nn.Module, nn.Module]:
    """Generator (latents, labels, noise) and discriminator (images, labels), as ufgen's."""
    if recipe.architecture == "residual":
        return ResidualGenerator(recipe, classes), ResidualDiscriminator(recipe, classes)
    return Generator(recipe, classes), Discriminator(recipe, classes)


class PixelNoise(nn.Module):
    """Adds a learned multiple of noise (N, patch ** 2, H, W) to each channel."""

    def __init__(self, values: int, channels: int):
        super().__init__()
        self.strength = nn.Parameter(torch.full((values, channels), 0.1))

    def forward(self, features, noise):
        side = features.shape[-1]
        noise = noise.reshape(len(noise), side, side, -1) @ self.strength
        return features + noise.permute(0, 3, 1, 2)


class ProjectionHead(nn.Module):
    """Features and labels to one logit: linear plus projection."""

    def __init__(self, features: int, classes: int):
        super().__init__()
        self.linear = nn.Linear(features, 1)
        self.embedding = nn.Embedding(classes, features)

    def forward(self, features, labels):
        projected = (features * self.embedding(labels)).sum(1, keepdim=True)
        return self.linear(features) + projected


class Generator(nn.Module):
    def __init__(self, recipe, classes: int):
        super().__init__()
        self.noise = recipe.noise
        self.embedding = nn.Embedding(classes, recipe.embedding_dim)
        before = filters(recipe, 4)
        self.dense = nn.Linear(recipe.latent_dim + recipe.embedding_dim, 16 * before, bias=False)
        self.norms, self.grow, self.noises = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for side in sides(recipe):
            count = filters(recipe, side)
            self.norms.append(nn.BatchNorm2d(before))
            self.grow.append(nn.ConvTranspose2d(before, count, 4, 2, 1, bias=False))
            self.noises.append(PixelNoise(1, count) if recipe.noise else nn.Identity())
            before = count
        self.norms.append(nn.BatchNorm2d(before))
        self.last = nn.Conv2d(before, recipe.channels, 3, padding=1)

    def forward(self, latents, labels, noise):
        vectors = torch.cat([latents, self.embedding(labels)], 1)
        features = self.dense(vectors).reshape(len(latents), -1, 4, 4)
        used = 0
        for norm, grow, add in zip(self.norms, self.grow, self.noises, strict=False):
            features = grow(functional.relu(norm(features)))
            if self.noise:
                count = features.shape[-1] ** 2
                features = add(features, noise[:, used : used + count])
                used += count
        return torch.tanh(self.last(functional.relu(self.norms[-1](features))))


class Discriminator(nn.Module):
    def __init__(self, recipe, classes: int):
        super().__init__()
        layers, before = [], recipe.channels
        for side in reversed([4, *sides(recipe)[:-1]]):
            layers += [nn.Conv2d(before, filters(recipe, side), 4, 2, 1), nn.LeakyReLU(0.2)]
            before = filters(recipe, side)
        layers += [nn.Flatten(), nn.Linear(16 * before, before), nn.LeakyReLU(0.2)]
        self.body, self.head = nn.Sequential(*layers), ProjectionHead(before, classes)

    def forward(self, images, labels):
        return self.head(self.body(images), labels)


class Block(nn.Module):
    def __init__(self, count: int, blocks: int):
        super().__init__()
        self.first, self.second = nn.Conv2d(count, count, 3, padding=1), nn.Conv2d(count, count, 1)
        nn.init.normal_(self.first.weight, std=(2 / blocks**0.5 / (9 * count)) ** 0.5)
        nn.init.zeros_(self.second.weight)

    def forward(self, features):
        change = self.first(functional.leaky_relu(features, 0.2))
        return features + self.second(functional.leaky_relu(change, 0.2))


def residual_sides(recipe) -> list[int]:
    return [2**i for i in range(2, (recipe.resolution // recipe.patch).bit_length())]


def change_channels(before: int, after: int) -> nn.Module:
    return nn.Identity() if before == after else nn.Conv2d(before, after, 1, bias=False)


class ResidualGenerator(nn.Module):
    def __init__(self, recipe, classes: int):
        super().__init__()
        self.recipe, sizes = recipe, residual_sides(recipe)
        self.embedding = nn.Embedding(classes, recipe.embedding_dim)
        before = filters(recipe, 4)
        self.scale = nn.Linear(recipe.latent_dim + recipe.embedding_dim, before, bias=False)
        self.pattern = nn.Parameter(torch.randn(before, 4, 4))
        self.channels, self.blocks, self.noises = (nn.ModuleList() for _ in range(3))
        left = noise_size(recipe)
        for side in sizes:
            count = filters(recipe, side)
            self.channels.append(change_channels(before, count))
            blocks = [Block(count, recipe.depth * len(sizes)) for _ in range(recipe.depth)]
            self.blocks.append(nn.Sequential(*blocks))
            if side > 4 and recipe.noise:
                values = side * side if side < sizes[-1] else left
                self.noises.append(PixelNoise(values // side**2, count))
                left -= values
            before = count
        self.last = nn.Conv2d(before, recipe.channels * recipe.patch**2, 3, padding=1)

    def forward(self, latents, labels, noise):
        vectors = torch.cat([latents, self.embedding(labels)], 1)
        features, used = self.scale(vectors)[:, :, None, None] * self.pattern, 0
        for index, (channels, blocks) in enumerate(zip(self.channels, self.blocks, strict=True)):
            if index:
                features = functional.interpolate(features, scale_factor=2, mode="bilinear")
                features = channels(features)
            features = blocks(features)
            if index and self.recipe.noise:
                add = self.noises[index - 1]
                count = len(add.strength) * features.shape[-1] ** 2
                features = add(features, noise[:, used : used + count])
                used += count
        patches = self.last(functional.leaky_relu(features, 0.2))
        return torch.tanh(functional.pixel_shuffle(patches, self.recipe.patch))


class ResidualDiscriminator(nn.Module):
    def __init__(self, recipe, classes: int):
        super().__init__()
        sizes, before = residual_sides(recipe), filters(recipe, residual_sides(recipe)[-1])
        layers = [nn.PixelUnshuffle(recipe.patch)]
        layers += [nn.Conv2d(recipe.channels * recipe.patch**2, before, 3, padding=1)]
        for side in reversed(sizes):
            if side < sizes[-1]:
                layers += [nn.AvgPool2d(2), change_channels(before, filters(recipe, side))]
            before = filters(recipe, side)
            layers += [Block(before, recipe.depth * len(sizes)) for _ in range(recipe.depth)]
        layers += [nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(16 * before, before)]
        self.body, self.head = nn.Sequential(*layers), ProjectionHead(before, classes)

    def forward(self, images, labels):
        return self.head(self.body(images), labels)
