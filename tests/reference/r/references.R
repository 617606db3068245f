# Fits every model of models.json with the R packages named there and with dense.R, stops where they disagree, and writes
# expected.csv. Run from this folder, after simulate.R: Rscript references.R

suppressPackageStartupMessages({
  library(jsonlite)
  library(lme4)
  library(lmerTest)
  library(pbkrtest)
  library(nlme)
  library(glmmTMB)
  library(emmeans)
  library(clubSandwich)
})
source("dense.R")
options(contrasts = c("contr.treatment", "contr.poly"), warn = 1)
emm_options(msg.interaction = FALSE, msg.nesting = FALSE)

controls <- list(
  lmer = lmerControl(
    optimizer = "bobyqa", optCtrl = list(rhobeg = 0.2, rhoend = 1e-10, maxfun = 1e6), calc.derivs = FALSE,
    check.conv.singular = "ignore", check.rankX = "silent.drop.cols"
  ),
  gls = glsControl(msTol = 1e-14, tolerance = 1e-12, maxIter = 500, msMaxIter = 2000, apVar = FALSE),
  lme = lmeControl(msTol = 1e-14, tolerance = 1e-12, maxIter = 500, msMaxIter = 2000, niterEM = 50, apVar = FALSE),
  glmmTMB = glmmTMBControl(optCtrl = list(iter.max = 2000, eval.max = 5000))
)

# The call as models.json prints it, with tight convergence, by restricted or full likelihood.
fit_call <- function(text, method) {
  call <- parse(text = text)[[1]]
  name <- as.character(call[[1]])
  call$control <- controls[[name]]
  if (name %in% c("lmer", "glmmTMB")) call$REML <- method == "reml" else call$method <- toupper(method)
  eval(call, globalenv())
}

# How far a value may lie from the frozen one. Estimates, means and predictions: a share of their standard error.
# Log-likelihoods: absolute. Covariances: a share of the product of their two standard deviations. The rest: relative.
# dense.R ends on exact Newton steps; lme4 on a derivative-free search; nlme on gradients of limited precision; glmmTMB
# cannot leave the residual variance out, only set it to 1.5e-8, which blurs its search; lmerTest differentiates numerically; the others inherit the precision of the fit that they are given.
tolerances <- as.matrix(read.table(header = TRUE, row.names = 1, text = "
                estimate    se  loglik  covariance    df     F
  dense.R           1e-6  1e-6    1e-7        1e-5  2e-6  2e-6
  lme4              1e-5  1e-5    1e-7        1e-4  1e-6  1e-5
  lmerTest            NA    NA      NA          NA  2e-5  2e-5
  pbkrtest            NA  1e-5      NA          NA  2e-5  2e-5
  emmeans           1e-4  1e-5      NA          NA  2e-5    NA
  nlme              5e-5  2e-5    1e-7          NA    NA    NA
  glmmTMB           1e-3    NA    2e-5          NA    NA    NA
  clubSandwich        NA  1e-5      NA          NA  2e-5    NA
"))

kind_of <- function(quantity) {
  endings <- c(se = "_se$|^se$", df = "_df[12]?$", F = "_(F|chisq|p)$", loglik = "^loglik", covariance = "^covariance")
  for (kind in names(endings)) if (grepl(endings[[kind]], quantity)) return(kind)
  "estimate"
}

source_name <- function(package) {
  if (package == "dense.R") return(package)
  paste(package, as.character(packageVersion(package)))
}

expected <- list()
add <- function(model, quantity, term, value, package, scale = abs(value)) {
  tolerance <- vapply(quantity, function(each) tolerances[package, kind_of(each)], 1)
  stopifnot(all(is.finite(value)), length(value) == length(term) || length(term) == 1, is.finite(tolerance))
  expected[[length(expected) + 1]] <<- data.frame(
    model = model, quantity = quantity, term = term, value = unname(value),
    tolerance = unname(tolerance * scale), source = source_name(package), row.names = NULL
  )
}

# formulaic's names of the columns of X: arm[T.needling]:visit[T.w04].
term_names <- function(names) {
  names <- gsub("(^|:)(arm|visit)(?=[a-z])([a-z0-9]+)", "\\1\\2[T.\\3]", names, perl = TRUE)
  names <- gsub("I\\(week\\^2/10\\)", "I(week ** 2 / 10)", names)
  sub("^\\(Intercept\\)$", "Intercept", names)
}

close_to <- function(what, a, b, tolerance) {
  gap <- max(abs(a - b) / pmax(abs(b), 1e-8))
  if (!is.finite(gap) || gap > tolerance) stop(what, ": packages and dense.R differ by ", format(gap))
  gap
}

# A value that a package gives stands for itself; dense.R's, which agrees with it, is then left out.
only_once <- function(frame) {
  key <- paste(frame$model, frame$quantity, frame$term, sep = "|")
  packaged <- unique(key[grepl("lme4|lmerTest|pbkrtest|clubSandwich|emmeans", frame$source)])
  frame[!(frame$source == "dense.R" & key %in% packaged), ]
}

agreement <- list()
agree <- function(model, quantity, package, a, b, tolerance) {
  gap <- close_to(paste(model, quantity, package), a, b, tolerance)
  agreement[[length(agreement) + 1]] <<- data.frame(
    model = model, quantity = quantity, source = source_name(package), largest_relative_difference = signif(gap, 2)
  )
}

fixed_effects <- function(fit) {
  if (inherits(fit, "glmmTMB")) return(glmmTMB::fixef(fit)$cond)
  if (inherits(fit, "gls")) return(coef(fit))
  if (inherits(fit, "lme")) return(nlme::fixef(fit))
  lme4::fixef(fit)
}
covariance_of <- function(fit) {
  if (inherits(fit, "glmmTMB")) return(as.matrix(vcov(fit)$cond))
  as.matrix(vcov(fit))
}
# Coefficients that the data determine whatever is done about dependent columns: those orthogonal to the null space of X.
estimable <- function(spec, data) {
  X <- model.matrix(as.formula(spec$formula), data)
  null <- Filter(function(v) sum((X %*% v)^2) < 1e-16 * sum(X^2), as.data.frame(svd(X)$v))
  colnames(X)[vapply(seq_len(ncol(X)), function(j) all(abs(vapply(null, `[`, 1, j)) < 1e-8), TRUE)]
}

package_rows <- function(name, package, fit, ml, dense, dense_ml, kept) {
  beta <- fixed_effects(fit)[kept]
  se <- sqrt(diag(covariance_of(fit)))[kept]
  scale <- if (is.null(dense)) se else sqrt(diag(dense$Phi))
  terms <- term_names(names(beta))
  loglik <- as.numeric(logLik(fit))
  if (!is.null(dense)) {
    agree(name, "loglik_reml", package, loglik, dense$reml, 1e-7)
    agree(name, "loglik_ml", package, as.numeric(logLik(ml)), dense_ml$ml, 1e-7)
    agree(name, "estimate", package, 1 + (beta - dense$beta) / scale, 1, tolerances[package, "estimate"])
    if (package != "glmmTMB") agree(name, "se", package, se, sqrt(diag(dense$Phi)), tolerances[package, "se"])
  }
  add(name, "loglik_reml", "", loglik, package, 1)
  add(name, "loglik_ml", "", as.numeric(logLik(ml)), package, 1)
  add(name, "estimate", terms, beta, package, scale)
  # glmmTMB's standard errors carry the uncertainty of the covariance parameters: another quantity.
  if (package != "glmmTMB") add(name, "se", terms, se, package)
  add(name, "estimate_ml", terms, fixed_effects(ml)[kept], package, scale)
}

dense_rows <- function(name, spec, dense, dense_ml) {
  terms <- term_names(names(dense$beta))
  se <- sqrt(diag(dense$Phi))
  add(name, "loglik_reml", "", dense$reml, "dense.R", 1)
  add(name, "loglik_ml", "", dense_ml$ml, "dense.R", 1)
  add(name, "estimate", terms, dense$beta, "dense.R", se)
  add(name, "se", terms, se, "dense.R")
  add(name, "estimate_ml", terms, dense_ml$beta, "dense.R", se)
  pieces <- split_theta(dense$theta, dense$model$components)
  for (c in seq_along(pieces)) {
    part <- dense$model$components[[c]]
    if (is.null(part$levels)) {
      label <- paste0(part$name, c("[variance]", "[range]"))
      add(name, "covariance_reml", label, pieces[[c]], "dense.R")
      next
    }
    S <- part$small(pieces[[c]])
    levels <- term_names(part$levels)
    at <- which(lower.tri(S, TRUE), arr.ind = TRUE)
    if (part$name == "random" && isFALSE(spec$correlated)) at <- at[at[, 1] == at[, 2], , drop = FALSE]
    # A covariance is judged on the scale of its two standard deviations, lest one near zero ask for the impossible.
    scale <- sqrt(diag(S)[at[, 1]] * diag(S)[at[, 2]])
    add(name, "covariance_reml", paste0(part$name, "[", levels[at[, 2]], "|", levels[at[, 1]], "]"), S[at], "dense.R", scale)
  }
  inference_rows(name, dense, terms)
  if (is.null(spec$random) && is.null(spec$cluster)) return(invisible())
  prediction <- prediction_error(dense)
  some <- 1:4
  add(name, "fitted_conditional", as.character(some - 1), prediction$value[some], "dense.R", prediction$se[some])
  add(name, "prediction_se", as.character(some - 1), prediction$se[some], "dense.R")
}

inference_rows <- function(name, dense, terms) {
  I <- diag(length(terms))
  for (information in c("observed", "expected")) {
    kr <- kenward_roger(dense, information)
    linear <- kenward_roger(dense, information, second_derivatives = FALSE)
    df <- apply(I, 1, function(row) kenward_roger_test(dense, row, information)["df2"])
    key <- paste0("kenward_roger_", information)
    add(name, paste0(key, "_se"), terms, sqrt(diag(kr$vcov)), "dense.R")
    bends <- max(abs(diag(linear$vcov) / diag(kr$vcov) - 1)) > 1e-9
    if (bends) add(name, paste0(key, "_linear_se"), terms, sqrt(diag(linear$vcov)), "dense.R")
    add(name, paste0(key, "_df"), terms, df, "dense.R")
  }
  add(name, "satterthwaite_observed_df", terms, apply(I, 1, function(row) satterthwaite_df(dense, row)), "dense.R")
}

joint_rows <- function(name, spec, dense) {
  X <- dense$model$X
  labels <- attr(terms(as.formula(spec$formula)), "term.labels")
  L <- diag(ncol(X))[attr(X, "assign") == match(spec$joint, labels), , drop = FALSE]
  for (information in c("observed", "expected")) {
    test <- kenward_roger_test(dense, L, information)
    add(name, paste0("joint_kenward_roger_", information, c("_F", "_df")), spec$joint, test[c("F", "df2")], "dense.R")
  }
  test <- satterthwaite_test(dense, L)
  add(name, paste0("joint_satterthwaite", c("_F", "_df")), spec$joint, test[c("F", "df2")], "dense.R")
  L
}

lmer_rows <- function(name, spec, fit, dense, L) {
  terms <- term_names(names(lme4::fixef(fit)))
  I <- diag(length(terms))
  lmer_satterthwaite <- apply(I, 1, function(row) lmerTest::contest1D(fit, row)$df)
  if (is.null(dense)) return(invisible())
  agree(name, "satterthwaite_observed_df", "lmerTest", lmer_satterthwaite,
        apply(I, 1, function(row) satterthwaite_df(dense, row)), 1e-5)
  add(name, "satterthwaite_observed_df", terms, lmer_satterthwaite, "lmerTest")
  joint <- lmerTest::contestMD(fit, L, rhs = 0, ddf = "Satterthwaite")
  add(name, paste0("joint_satterthwaite", c("_F", "_df")), spec$joint, c(joint[["F value"]], joint$DenDF), "lmerTest")
  agree(name, "joint_satterthwaite", "lmerTest", c(joint[["F value"]], joint$DenDF),
        satterthwaite_test(dense, L)[c("F", "df2")], 1e-5)
  if (!is.null(spec$weights)) return(invisible())  # pbkrtest's V leaves prior weights out
  adjusted <- as.matrix(vcovAdj(fit))
  unadjusted <- as.matrix(vcov(fit))
  df <- apply(I, 1, function(row) Lb_ddf(row, unadjusted, vcovAdj(fit)))
  kr <- kenward_roger(dense, "expected")
  agree(name, "kenward_roger_expected_se", "pbkrtest", sqrt(diag(adjusted)), sqrt(diag(kr$vcov)), 1e-5)
  agree(name, "kenward_roger_expected_df", "pbkrtest", df,
        apply(I, 1, function(row) kenward_roger_test(dense, row, "expected")["df2"]), 1e-5)
  add(name, "kenward_roger_expected_se", terms, sqrt(diag(adjusted)), "pbkrtest")
  add(name, "kenward_roger_expected_df", terms, df, "pbkrtest")
  test <- KRmodcomp(fit, L)$test["Ftest", ]
  values <- c(test$stat, test$ndf, test$ddf)
  agree(name, "joint_kenward_roger_expected", "pbkrtest", values, kenward_roger_test(dense, L, "expected"), 1e-5)
  add(name, paste0("joint_kenward_roger_expected", c("_F", "_df")), spec$joint, values[c(1, 3)], "pbkrtest")
}

sandwich_rows <- function(name, spec, fit, dense, cluster, key) {
  terms <- term_names(names(dense$beta))
  labels <- dense$data[[cluster]]
  independent <- max(abs(dense$V * outer(labels, labels, "!="))) < 1e-12
  if (!independent || is.null(fit)) return(invisible())
  for (type in c("CR0", "CR1", "CR2")) {
    own <- sandwich(dense, labels, type)
    quantity <- paste0(key, tolower(type))
    robust <- vcovCR(fit, cluster = labels, type = type)
    agree(name, paste0(quantity, "_se"), "clubSandwich", sqrt(diag(as.matrix(robust))), sqrt(diag(own$vcov)), 1e-5)
    add(name, paste0(quantity, "_se"), terms, sqrt(diag(as.matrix(robust))), "clubSandwich")
    if (type == "CR2") {
      df <- coef_test(fit, vcov = robust, test = "Satterthwaite")
      df <- if ("df_Satt" %in% names(df)) df$df_Satt else df$df
      agree(name, paste0(quantity, "_df"), "clubSandwich", df, own$df, 1e-5)
      add(name, paste0(quantity, "_df"), terms, df, "clubSandwich")
    }
  }
}

# Marginal means and differences of the arms; the weights of dense.R's inference are emmeans' own.
means_rows <- function(name, spec, fit, dense) {
  grid <- function(..., weights = "equal") {
    emmeans(fit, ..., weights = weights, lmer.df = "asymptotic", mode = "asymptotic")
  }
  linear_rows <- function(quantity, result, label) {
    frame <- as.data.frame(result)
    estimate <- frame[[intersect(c("emmean", "estimate"), names(frame))]]
    add(name, quantity, label(frame), estimate, "emmeans", frame$SE)
    add(name, paste0(quantity, "_se"), label(frame), frame$SE, "emmeans")
    result
  }
  linear_rows("mean_balanced", grid("arm"), function(frame) paste0("arm=", frame$arm))
  # Visits as they occur in the rows; emmeans' own "proportional" would count rows by nlme's variance weights.
  occurrence <- as.vector(table(dense$data$visit))
  linear_rows("mean_observed", grid("arm", weights = occurrence), function(frame) paste0("arm=", frame$arm))
  cell <- function(frame) paste0("arm=", frame$arm, " visit=", frame$visit)
  linear_rows("mean", grid(c("arm", "visit")), cell)
  differences <- contrast(grid("arm", by = "visit"), "revpairwise")
  at_visit <- function(frame) paste0("needling - control visit=", frame$visit)
  linear_rows("difference", differences, at_visit)
  L <- differences@linfct
  label <- at_visit(as.data.frame(differences))
  for (information in c("observed", "expected")) {
    kr <- kenward_roger(dense, information)
    add(name, paste0("difference_kenward_roger_", information, "_se"), label, sqrt(diag(L %*% kr$vcov %*% t(L))), "dense.R")
    df <- apply(L, 1, function(row) kenward_roger_test(dense, row, information)["df2"])
    add(name, paste0("difference_kenward_roger_", information, "_df"), label, df, "dense.R")
  }
  add(name, "difference_satterthwaite_observed_df", label, apply(L, 1, function(row) satterthwaite_df(dense, row)), "dense.R")
  if (inherits(fit, "merMod") && is.null(spec$weights)) {
    adjusted <- as.data.frame(contrast(emmeans(fit, "arm", by = "visit", lmer.df = "kenward-roger"), "revpairwise"))
    add(name, "difference_kenward_roger_expected_se", label, adjusted$SE, "emmeans")
    add(name, "difference_kenward_roger_expected_df", label, adjusted$df, "emmeans")
  }
}

# Slope of the covariate in each arm and the difference of the slopes.
trend_rows <- function(name, spec, fit) {
  variable <- sub("^arm:", "", spec$joint)
  slopes <- emtrends(fit, "arm", var = variable, lmer.df = "kenward-roger")
  frame <- as.data.frame(slopes)
  label <- paste0("arm=", frame$arm)
  add(name, "trend", label, frame[[paste0(variable, ".trend")]], "emmeans", frame$SE)
  difference <- as.data.frame(contrast(slopes, "revpairwise"))
  add(name, "trend_difference", "needling - control", difference$estimate, "emmeans", difference$SE)
  for (part in list(list("trend", label, frame), list("trend_difference", "needling - control", difference))) {
    add(name, paste0(part[[1]], "_kenward_roger_expected_se"), part[[2]], part[[3]]$SE, "emmeans")
    add(name, paste0(part[[1]], "_kenward_roger_expected_df"), part[[2]], part[[3]]$df, "emmeans")
  }
}

# Best linear unbiased predictions of the first levels of every grouping, and fitted values of the first rows.
prediction_rows <- function(name, fit) {
  for (group in names(ranef(fit))) {
    values <- ranef(fit)[[group]]
    values <- values[seq_len(min(3, nrow(values))), , drop = FALSE]
    label <- outer(rownames(values), term_names(names(values)), function(level, term) paste0(group, "=", level, " ", term))
    spread <- rep(sqrt(diag(as.matrix(VarCorr(fit)[[group]]))), each = nrow(values))
    add(name, "random_effect", as.vector(label), unlist(values), "lme4", pmax(spread, 1e-3))
  }
  rows <- 1:4
  add(name, "fitted_conditional", as.character(rows - 1), fitted(fit)[rows], "lme4", rep(sigma(fit), 4))
}

# Variance components of lme4 itself, covariances judged on the scale of their standard deviations.
component_rows <- function(name, spec, fit, method) {
  quantity <- paste0("covariance_", method)
  blocks <- split(as.data.frame(VarCorr(fit)), sub("\\.[0-9]+$", "", as.data.frame(VarCorr(fit))$grp))
  for (group in names(blocks)) {
    block <- blocks[[group]]
    own <- if (group == spec$subject) "random" else if (group == "Residual") "residual" else group
    var1 <- if (own == "residual") "" else term_names(block$var1)
    var2 <- ifelse(is.na(block$var2), var1, term_names(block$var2))
    sd <- setNames(block$sdcor[is.na(block$var2)], var1[is.na(block$var2)])
    add(name, quantity, paste0(own, "[", var1, "|", var2, "]"), block$vcov, "lme4",
        pmax(if (own == "residual") block$vcov else sd[var1] * sd[var2], 1e-4 * sigma(fit)^2))
  }
}

likelihood_ratio_rows <- function(name, larger, smaller) {
  for (method in c("reml", "ml")) {
    pair <- if (method == "ml") lapply(list(smaller, larger), refitML) else list(smaller, larger)
    test <- anova(pair[[1]], pair[[2]], refit = FALSE)
    add(name, paste0("likelihood_ratio_", method, c("_chisq", "_df", "_p")), "",
        c(test$Chisq[2], test$Df[2], test[["Pr(>Chisq)"]][2]), "lme4", c(test$Chisq[2], 1, test[["Pr(>Chisq)"]][2]))
  }
}

read_data <- function(name) {
  data <- read.csv(file.path("data", paste0(name, ".csv")), stringsAsFactors = TRUE)
  data$id <- factor(data$id)
  data$control <- as.numeric(data$arm == "control")
  data$needling <- as.numeric(data$arm == "needling")
  data
}

models <- read_json("models.json")
wanted <- commandArgs(TRUE)
datasets <- list()
for (name in c("trial", "complete", "course", "diary", "calm", "fan")) {
  datasets[[name]] <- read_data(name)
  assign(name, datasets[[name]])
}
fits <- list()
for (name in if (length(wanted)) wanted else names(models)) {
  started <- proc.time()[["elapsed"]]
  spec <- models[[name]]
  data <- datasets[[spec$data]]
  regular <- is.null(spec$status)
  dense <- dense_ml <- NULL
  if (regular) {
    dense <- dense_fit(spec, data)
    dense_ml <- dense_fit(spec, data, "ml", dense$theta)
    dense_rows(name, spec, dense, dense_ml)
    L <- joint_rows(name, spec, dense)
  }
  add(name, "rows", "", nrow(data), "dense.R", 0)
  robust <- NULL
  for (package in names(spec$r)) {
    fit <- fit_call(spec$r[[package]], "reml")
    ml <- fit_call(spec$r[[package]], "ml")
    package_rows(name, package, fit, ml, dense, dense_ml, estimable(spec, data))
    if (package == "lme4") {
      fits[[name]] <- fit
      component_rows(name, spec, fit, "reml")
      component_rows(name, spec, ml, "ml")
      prediction_rows(name, fit)
      if (regular) lmer_rows(name, spec, fit, dense, L)
      if (regular && is.null(spec$weights) && grepl("week$", spec$joint)) trend_rows(name, spec, fit)
    }
    if (package == "nlme" || (package == "lme4" && is.null(spec$weights))) robust <- fit  # not for weighted lmer
    if (package != "glmmTMB" && !is.null(spec$means) && regular) means_rows(name, spec, fit, dense)
  }
  if (regular) {
    if (is.null(spec$cluster)) sandwich_rows(name, spec, robust, dense, spec$subject, "subject_")
    for (cluster in names(spec$cluster)) sandwich_rows(name, spec, robust, dense, cluster, paste0(cluster, "_"))
  }
  if (!is.null(spec$lrt)) likelihood_ratio_rows(name, fits[[name]], fits[[spec$lrt]])
  cat(sprintf("%-36s %5.1f s\n", name, proc.time()[["elapsed"]] - started))
}

# The saturated means of a complete trial make ante-dependence a chain of regressions: a closed form for its likelihood.
if (!length(wanted)) {
  wide <- reshape(complete[c("id", "arm", "visit", "pain")], idvar = c("id", "arm"), timevar = "visit", direction = "wide")
  chain <- c(
    logLik(lm(pain.w02 ~ arm, wide)), logLik(lm(pain.w04 ~ arm + pain.w02, wide)),
    logLik(lm(pain.w08 ~ arm + pain.w04, wide)), logLik(lm(pain.w12 ~ arm + pain.w08, wide))
  )
  frame <- do.call(rbind, expected)
  own <- frame$value[frame$model == "complete_antedependence_het" & frame$quantity == "loglik_ml"]
  agree("complete_antedependence_het", "loglik_ml", "stats", sum(chain), own, 1e-9)
}

frame <- only_once(do.call(rbind, expected))
frame$value <- signif(frame$value, 10)
frame$tolerance <- signif(frame$tolerance, 2)
if (length(wanted)) {
  print(head(frame, 300), digits = 9)
} else {
  write.csv(frame, "expected.csv", row.names = FALSE, quote = FALSE)
  write.csv(do.call(rbind, agreement), "agreement.csv", row.names = FALSE, quote = FALSE)
}
