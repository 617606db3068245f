# Holds dense.R against printed PROC MIXED results for a trial of 200 patients that is not part of this project.
# Run: Rscript against_sas.R <folder with fev_data.csv and expected_sas.csv>
#
# The printed unstructured row differs from the maximum by 6e-6 in the estimate, 9e-5 in its standard error and 3e-4 in
# its df, because Newton's method stopped there: started at MIVQUE0, its fourth iterate meets the default criterion
# (1e-8, relative to the likelihood), and that iterate gives the printed digits. Both points are shown.

source("dense.R")
folder <- commandArgs(TRUE)[1]
fev <- read.csv(file.path(folder, "fev_data.csv"), stringsAsFactors = TRUE)
fev <- fev[!is.na(fev$FEV1), ]
printed <- read.csv(file.path(folder, "expected_sas.csv"))

# MIVQUE0 is one Fisher step from V = I; then Newton steps until g'H^-1 g < 1e-8 |f|, as PROC MIXED stops.
stopping_point <- function(maximum, identity) {
  model <- maximum$model
  state <- dense_state(identity, model)
  information <- dense_information(identity, model, state)
  Py <- drop(state$inverse %*% state$residuals)
  theta <- solve(information$expected, vapply(information$derivatives$first, function(D) 0.5 * drop(Py %*% D %*% Py), 1))
  repeat {
    state <- dense_state(theta, model)
    information <- dense_information(theta, model, state)
    step <- solve(information$observed, information$score)
    if (sum(step * information$score) < 1e-8 * abs(state$reml)) break
    theta <- theta + step
  }
  c(list(data = maximum$data, model = model, information = information), state)
}

compare <- function(fit, where, tolerances) {
  for (i in which(printed$covariance == structure)) {
    row <- printed[i, ]
    se <- switch(row$vcov,
      kenward_roger = sqrt(kenward_roger(fit, "observed")$vcov[2, 2]),
      kenward_roger_linear = sqrt(kenward_roger(fit, "observed", FALSE)$vcov[2, 2]),
      sandwich_empirical = sqrt(sandwich(fit, fev$USUBJID, "CR0")$vcov[2, 2])
    )
    df <- if (is.na(row$df)) NA else kenward_roger_test(fit, c(0, 1), "observed")[["df2"]]
    gaps <- c(fit$beta[[2]] / row$estimate, se / row$se, df / row$df) - 1
    cat(sprintf("%-18s %-21s %-15s relative difference: estimate %8.1e, se %8.1e, df %8.1e\n", structure, row$vcov, where,
                gaps[1], gaps[2], gaps[3]))
    stopifnot(all(abs(gaps) < tolerances, na.rm = TRUE))
  }
}

for (structure in unique(printed$covariance)) {
  fit <- dense_fit(
    list(formula = "FEV1 ~ ARMCD", subject = "USUBJID", residual = list(structure = structure, visit = "AVISIT")), fev
  )
  compare(fit, "maximum", c(1e-5, 1e-4, if (structure == "unstructured") 3e-4 else 1e-5))
  if (structure == "unstructured") {
    identity <- diag(nlevels(fev$AVISIT))
    compare(stopping_point(fit, identity[lower.tri(identity, TRUE)]), "stopping point", 1e-9)
  }
}
