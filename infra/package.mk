# Deployment packages. Included by the Makefile.

.PHONY: stages package

# What .chalice holds is generated from infra/bundles.py.
stages: $(READY)
	.venv/bin/python -m infra.stages
	.venv/bin/python -m infra.policies

# build/package/: a template for each bundle, for the storage, and the parent that nests them. Needs no credentials.
# RECOGNITION_IMAGE=URI: recognition is deployed as this container image instead of the archive (docs/how-to/deploy.md).
package: stages
	.venv/bin/python -m infra.package build $(if $(RECOGNITION_IMAGE),--image recognition=$(RECOGNITION_IMAGE))
	.venv/bin/cfn-lint build/package/template.json build/package/*/*.json
