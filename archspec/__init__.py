"""archspec: a declarative architecture-spec compiler."""
