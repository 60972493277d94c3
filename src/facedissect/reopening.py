"""The network and the dictionary of a result, found again: digests say that they are the ones."""

from __future__ import annotations

from pathlib import Path

from .dictionary.faces import FaceDictionary
from .dictionary.open import reopen
from .errors import DictionaryError, ModelError
from .model.face_model import FaceModel
from .model.load import load_model
from .model.preprocess import Preprocess
from .results import Dissection


def network_of(result: Dissection, spec: str | None = None, weights: str | None = None) -> FaceModel:
    """The network of a run, shown its images as then.

    Args:
        result: of the run.
        spec, weights: where it is, if it is no longer where the run found it.

    Raises:
        ModelError: it cannot be loaded, or is another.
    """
    known = result.provenance.model
    preprocess = Preprocess.from_dict({**known["preprocess"], "size": tuple(known["preprocess"]["size"])})
    try:
        model = load_model(spec or str(known["source"]), weights=weights, name=str(known["name"]), **vars(preprocess))
    except ModelError as error:
        if spec:
            raise
        raise ModelError(f"{error}; or give the network of the run by --model and --weights") from error
    if model.digest != known["digest"]:
        raise ModelError(
            f"expected the network of the run, {known['source']} with digest {str(known['digest'])[:12]}, got "
            f"{model.source} with {model.digest[:12]}; give it by --model and --weights"
        )
    return model


def dictionary_of(
    result: Dissection, folder: Path, location: str | None = None, landmarks: Path | None = None
) -> FaceDictionary:
    """The dictionary of a run, with the landmarks that it kept in its folder.

    Args:
        result: of the run.
        folder: that the run left behind.
        location, landmarks: where they are, if they are no longer where the run found them.

    Raises:
        DictionaryError: it cannot be opened, or is another.
    """
    known = result.provenance.dictionary
    kept = folder / "landmarks.csv"
    candidates = [landmarks] if landmarks else [None, kept] if kept.is_file() else [None]
    for path in candidates:
        faces = reopen(known, location, **({"landmarks": path} if path else {}))
        if faces.vocabulary.names != result.vocabulary.names and set(result.vocabulary.names) < {
            *faces.vocabulary.names
        }:
            faces = faces.only(result.vocabulary.names)
        if faces.digest == known["digest"]:
            return faces
    raise DictionaryError(
        f"expected the dictionary of the run, {known['location']} with digest {str(known['digest'])[:12]}, got "
        f"{faces.location} with {faces.digest[:12]}; run again, or give it by --dictionary and --landmarks"
    )
