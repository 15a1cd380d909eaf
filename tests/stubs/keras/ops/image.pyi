from keras import KerasTensor

def resize(
    images: KerasTensor, size: tuple[int, int], interpolation: str = "bilinear"
) -> KerasTensor: ...
