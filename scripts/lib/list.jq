include "records";
records
