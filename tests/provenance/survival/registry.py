# SPDX-License-Identifier: Apache-2.0
"""The operations of all formats, in the order of the table."""

from tests.provenance.survival import (
    asdf_operations,
    fits_operations,
    hdf5_operations,
    measurement_set_operations,
    netcdf_operations,
    parquet_operations,
    picture_operations,
    plain_operations,
    table_operations,
    zarr_operations,
)

OPERATIONS = (
    *fits_operations.OPERATIONS,
    *hdf5_operations.OPERATIONS,
    *netcdf_operations.OPERATIONS,
    *zarr_operations.OPERATIONS,
    *parquet_operations.OPERATIONS,
    *picture_operations.OPERATIONS,
    *table_operations.OPERATIONS,
    *asdf_operations.OPERATIONS,
    *measurement_set_operations.OPERATIONS,
    *plain_operations.OPERATIONS,
)
