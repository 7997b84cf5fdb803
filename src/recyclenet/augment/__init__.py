"""More photos out of few, made once and kept: cropped, turned, blurred and distorted copies."""
